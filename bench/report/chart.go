package report

import (
	"cmp"
	"encoding/xml"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/bench/suite"
)

// Sizes in pixels of the picture.
const (
	chartWidth  = 900
	margin      = 24
	gutter      = 28 // between the panels
	panelWidth  = (chartWidth - 2*margin - gutter) / 2
	titleHeight = 30 // of a panel
	headHeight  = 64 // of the picture
	footHeight  = 40
	nameWidth   = 118 // of a contender's name
	labelWidth  = 92  // of the figures behind a bar
	barHeight   = 11
	groupGap    = 8 // between contenders
)

// What stands for what. The second colour is the second file system.
var (
	limitColours = []string{"#6e7781", "#afb8c1", "#d0d7de"}
	ourColours   = []string{"#0a6e5c", "#4fb3a1", "#a3dad0"}
	peerColours  = []string{"#4a76b8", "#9dbbe3", "#ccdcf2"}
)

// chartWorkloads are the panels; chartNames, as far as they were measured, the
// bars.
var (
	chartWorkloads = []string{"write-1", "write-64", "write-256", "read-8", "start-warm", "start-cold"}
	chartNames     = []string{suite.Limit, suite.GroupLimit, suite.MapLimit, suite.Holdfast, suite.SQLite, suite.Pebble,
		suite.Bbolt, suite.RedisServer, suite.Diskv, suite.Buntdb, suite.Renameio, suite.Files, suite.BacktestKit}
	shortNames = map[string]string{suite.Limit: "limit", suite.GroupLimit: "limit", suite.MapLimit: "limit (map)",
		suite.Files: "file, fsync ×2", suite.Diskv: "diskv"}
)

// panel is one workload of the picture.
type panel struct {
	suite.Workload
	bars []bar
}

// bar is one contender: how fast it is in each place beside the fastest there.
type bar struct {
	name   string
	share  []float64 // NaN: not measured
	labels []string
}

// Chart writes the picture as SVG.
func Chart(out io.Writer, r *suite.Results) error {
	s := summarize(r)
	var panels []panel
	for _, w := range r.Workloads() {
		if !slices.Contains(chartWorkloads, w.ID) {
			continue
		}
		if p := s.panel(w); len(p.bars) > 0 {
			panels = append(panels, p)
		}
	}
	rowHeights := make([]int, (len(panels)+1)/2)
	height := headHeight + footHeight
	for i, p := range panels {
		rowHeights[i/2] = max(rowHeights[i/2], p.height(len(r.Places)))
	}
	for _, h := range rowHeights {
		height += h
	}
	c := &canvas{printer{out: out}}
	c.begin(r, height)
	y := headHeight
	for i, p := range panels {
		c.panel(p, margin+i%2*(panelWidth+gutter), y)
		if i%2 == 1 {
			y += rowHeights[i/2]
		}
	}
	c.text(margin, height-16, "note", "start", about(r)+" Medians of "+rounds(r)+".")
	c.line("</svg>")
	return c.err
}

// panel collects the bars, the fastest on top, and the limit above all.
func (s *summary) panel(w suite.Workload) panel {
	p := panel{Workload: w}
	fastest := make([]string, len(s.Places))
	for _, name := range chartNames {
		for place := range s.Places {
			if slices.Contains(w.Names, name) && s.at(place, w.ID, name) != nil &&
				(fastest[place] == "" || s.speed(place, w, name, fastest[place]) > 1) {
				fastest[place] = name
			}
		}
	}
	for _, name := range chartNames {
		b := bar{name: name}
		known := false
		for place := range s.Places {
			b.share = append(b.share, s.speed(place, w, name, fastest[place]))
			b.labels = append(b.labels, s.label(place, w, name))
			known = known || !math.IsNaN(b.share[place])
		}
		if known {
			p.bars = append(p.bars, b)
		}
	}
	slices.SortStableFunc(p.bars, func(a, b bar) int {
		return cmp.Compare(b.rank(w), a.rank(w))
	})
	return p
}

// rank orders the bars: the limit first, then by the share in the first place
// that has one.
func (b bar) rank(w suite.Workload) float64 {
	if b.name == w.Limit {
		return math.Inf(1)
	}
	for _, v := range b.share {
		if !math.IsNaN(v) {
			return v
		}
	}
	return 0
}

// label is the figure behind a bar, and its ratio to the limit.
func (s *summary) label(place int, w suite.Workload, name string) string {
	c := s.at(place, w.ID, name)
	if c == nil {
		return "not measured"
	}
	if w.Lower() {
		return seconds(c.value)
	}
	ofLimit := s.speed(place, w, name, w.Limit)
	if name == w.Limit || math.IsNaN(ofLimit) {
		return rate(c.value)
	}
	return rate(c.value) + " · " + ratio(ofLimit)
}

func (p panel) height(places int) int {
	return titleHeight + len(p.bars)*(places*barHeight+groupGap) + 22
}

// canvas writes SVG.
type canvas struct{ printer }

const style = `<style>
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:#1f2328}
.head{font-size:18px;font-weight:600}.title{font-size:13px;font-weight:600}.name{font-size:11.5px}
.ours{font-size:11.5px;font-weight:700}.label{font-size:10px;fill:#424a53}.note{font-size:10.5px;fill:#57606a}
</style>`

func (c *canvas) begin(r *suite.Results, height int) {
	c.line(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">`,
		chartWidth, height, chartWidth, height)
	c.line("<title>Holdfast beside the limit of the disk and other stores</title>")
	c.line("%s", style)
	c.line(`<rect width="%d" height="%d" fill="#ffffff"/>`, chartWidth, height)
	c.text(margin, 28, "head", "start", "Speed: longer is faster")
	c.text(margin, 48, "note", "start", "operations a second · share of the limit; entities of 400 bytes, writes durable when acknowledged")
	x := chartWidth - margin
	for i := len(r.Places) - 1; i >= 0 && len(r.Places) > 1; i-- {
		label := r.Places[i].Label
		c.text(x, 28, "note", "end", label)
		x -= 11*len(label)/2 + 14 // about the width of the text, and of the square
		c.rect(x, 19, 12, 10, peerColours[i%len(peerColours)])
		x -= 14
	}
}

func (c *canvas) panel(p panel, x, y int) {
	c.text(x, y+16, "title", "start", p.Title)
	y += titleHeight
	const room = panelWidth - nameWidth - labelWidth
	for _, b := range p.bars {
		colours, class := peerColours, "name"
		switch {
		case b.name == p.Limit:
			colours = limitColours
		case ours(b.name):
			colours, class = ourColours, "ours"
		}
		name := b.name
		if short := shortNames[name]; short != "" {
			name = short
		}
		c.text(x+nameWidth-8, y+len(b.share)*barHeight/2+4, class, "end", name)
		for place, share := range b.share {
			width := 0
			if !math.IsNaN(share) {
				width = max(1, int(math.Round(share*room)))
			}
			c.rect(x+nameWidth, y, width, barHeight-1, colours[place%len(colours)])
			c.text(x+nameWidth+width+5, y+barHeight-2, "label", "start", b.labels[place])
			y += barHeight
		}
		y += groupGap
	}
}

func (c *canvas) rect(x, y, width, height int, colour string) {
	c.line(`<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`, x, y, width, height, colour)
}

func (c *canvas) text(x, y int, class, anchor, text string) {
	var escaped strings.Builder
	if err := xml.EscapeText(&escaped, []byte(text)); err != nil && c.err == nil {
		c.err = err
	}
	c.line(`<text x="%d" y="%d" class="%s" text-anchor="%s">%s</text>`, x, y, class, anchor, escaped.String())
}
