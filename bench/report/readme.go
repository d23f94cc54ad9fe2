package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/holdfast-go/holdfast/bench/suite"
)

// readmePeers are the columns of the README's tables; the whole field is in
// the table of the program itself.
var readmePeers = []string{suite.SQLite, suite.Pebble, suite.Bbolt, suite.RedisServer, suite.Diskv, suite.BacktestKit}

// Readme prints the section on speed of a README. chart is the path of the
// picture, seen from the README; "" for none.
func Readme(out io.Writer, r *suite.Results, chart string) error {
	s := summarize(r)
	p := &printer{out: out}
	p.line("## Speed\n")
	if chart != "" {
		p.line("![Speed beside the limit of the disk and other stores](%s)\n", chart)
	}
	p.line("How many times as fast as others Holdfast is, where every write is durable when it\n" +
		"is acknowledged (reads: where the value is warm). *Of the limit*: of what the disk\n" +
		"itself can flush, of a map in memory for reads. `go run ./bench` measures it on yours.\n")
	for place := range r.Places {
		p.readmeTable(s, place)
	}
	p.readmeGrowth(s)
	p.line("Measured %s on %s, %d cores, %s, %s: medians\nof %s, entities of 400 bytes, %s keys.",
		r.Date.Format("2006-01-02"), r.Machine.CPU, r.Machine.Cores, r.Machine.Kernel, r.Machine.Go,
		rounds(r), suite.Thousands(r.Keys))
	return p.err
}

func (p *printer) readmeTable(s *summary, place int) {
	head := []string{s.Places[place].Label, "Holdfast", "of the limit"}
	for _, name := range readmePeers {
		head = append(head, "× "+name)
	}
	p.markdown(head)
	p.markdown(append([]string{"---"}, strings.Split(strings.Repeat("---:,", len(head)-2)+"---:", ",")...))
	for _, w := range s.Workloads() {
		c := s.at(place, w.ID, suite.Holdfast)
		if w.Kind == suite.Growth || c == nil {
			continue
		}
		value := rate(c.value) + "/s"
		if w.Lower() {
			value = seconds(c.value)
		}
		row := []string{w.Title, value, ratio(s.speed(place, w, suite.Holdfast, w.Limit))}
		for _, name := range readmePeers {
			row = append(row, ratio(s.speed(place, w, suite.Holdfast, name)))
		}
		p.markdown(row)
	}
	p.line("")
}

// readmeGrowth shows the first place: memory and the rest hardly depend on it.
func (p *printer) readmeGrowth(s *summary) {
	const place = 0
	begun := false
	for _, w := range s.Workloads() {
		c := s.at(place, w.ID, suite.Holdfast)
		if w.Kind != suite.Growth || c == nil {
			continue
		}
		if !begun {
			p.markdown([]string{"entities", "a write among them, 64 writers", "open", "open, list, decode", "heap", "disk"})
			p.markdown([]string{"---:", "---:", "---:", "---:", "---:", "---:"})
			begun = true
		}
		p.markdown([]string{suite.Thousands(w.Size), micros(1e6 / c.putRate), seconds(c.open), seconds(c.value),
			megabytes(c.heap), megabytes(c.disk)})
	}
	if begun {
		p.line("")
	}
}

func (p *printer) markdown(cells []string) {
	p.line("%s", fmt.Sprintf("| %s |", strings.Join(cells, " | ")))
}
