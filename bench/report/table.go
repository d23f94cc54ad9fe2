package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast/bench/suite"
)

// Table prints everything: each workload in each place, with ratios, and how
// it stands beside the goals.
func Table(out io.Writer, r *suite.Results) error {
	s := summarize(r)
	p := &printer{out: out}
	p.line("%s", about(r))
	p.line("%s", method(r))
	p.line("Of the limit, of Holdfast: how many times as fast, rates and times alike; more is better.")
	for _, note := range r.Notes {
		p.line("Note: %s.", note)
	}
	for _, w := range r.Workloads() {
		for place := range r.Places {
			if w.Kind != suite.Growth && s.measured(place, w) {
				p.section(s, place, w)
			}
		}
	}
	for place := range r.Places {
		p.growth(s, place)
	}
	return p.err
}

// measured tells whether a workload was part of the run at all.
func (s *summary) measured(place int, w suite.Workload) bool {
	for _, name := range w.Names {
		if s.cells[cellKey{place, w.ID, name}] != nil {
			return true
		}
	}
	return false
}

func about(r *suite.Results) string {
	m := r.Machine
	return fmt.Sprintf("%s, %d cores, %s, %s, %s.", m.CPU, m.Cores, m.Kernel, m.Go, r.Date.Format("2 January 2006"))
}

func method(r *suite.Results) string {
	return fmt.Sprintf("Medians of %s, entities of 400 bytes, %s keys, order from seed %d.",
		rounds(r), suite.Thousands(r.Keys), r.Seed)
}

func rounds(r *suite.Results) string {
	if r.Rounds == 1 {
		return fmt.Sprintf("one round of %v", r.Cell)
	}
	return fmt.Sprintf("%d interleaved rounds of %v", r.Rounds, r.Cell)
}

// printer keeps the first error, so that its callers need not look.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
	}
}

func (p *printer) section(s *summary, place int, w suite.Workload) {
	p.line("\n%s · %s", w.Title, s.Places[place].Label)
	head := []string{"", "a second", "of the limit", "of Holdfast"}
	switch w.Kind {
	case suite.Write:
		head = append(head, "p50", "p99", "longest")
	case suite.Start:
		head = []string{"", "open, list, decode", "of Holdfast", "open alone"}
	}
	rows := [][]string{head}
	for _, name := range w.Names {
		if c := s.cells[cellKey{place, w.ID, name}]; c != nil {
			rows = append(rows, s.row(place, w, name, c))
		}
	}
	p.grid(rows)
	for _, g := range goals {
		if text := g.judge(s, place, w); text != "" {
			p.line("  goal: %s", text)
		}
	}
}

func (s *summary) row(place int, w suite.Workload, name string, c *cell) []string {
	if c.bad != "" {
		return []string{name, c.bad}
	}
	ofHoldfast := ratio(s.speed(place, w, name, suite.Holdfast))
	if w.Kind == suite.Start {
		return []string{name, seconds(c.value), ofHoldfast, seconds(c.open)}
	}
	row := []string{name, rate(c.value), ratio(s.speed(place, w, name, w.Limit)), ofHoldfast}
	if w.Kind == suite.Write {
		row = append(row, micros(c.p50), micros(c.p99), micros(c.max))
	}
	return row
}

func (p *printer) growth(s *summary, place int) {
	rows := [][]string{{"entities", "a new one", "puts a second", "p99", "open", "open, list, decode", "heap", "process", "disk"}}
	for _, w := range s.Workloads() {
		c := s.cells[cellKey{place, w.ID, suite.Holdfast}]
		switch {
		case w.Kind != suite.Growth || c == nil:
		case c.bad != "":
			rows = append(rows, []string{suite.Thousands(w.Size), c.bad})
		default:
			rows = append(rows, []string{suite.Thousands(w.Size), micros(c.putCost), rate(c.putRate), micros(c.p99),
				seconds(c.open), seconds(c.value), megabytes(c.heap), megabytes(c.rss), megabytes(c.disk)})
		}
	}
	if len(rows) > 1 {
		p.line("\ngrowth, Holdfast, 64 writers · %s", s.Places[place].Label)
		p.grid(rows)
	}
}

// grid aligns the first column to the left, the others to the right. A row of
// two cells below a longer head is a name and a remark.
func (p *printer) grid(rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			if i == 0 || len(row) == len(width) {
				width[i] = max(width[i], utf8.RuneCountInString(text))
			}
		}
	}
	for _, row := range rows {
		line := "  " + row[0] + pad(row[0], width[0])
		for i, text := range row[1:] {
			if len(row) == len(width) {
				line += pad(text, width[i+1])
			}
			line += "  " + text
		}
		p.line("%s", strings.TrimRight(line, " "))
	}
}

func pad(text string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}
