package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/bench/report"
	"github.com/holdfast-go/holdfast/bench/suite"
)

var update = flag.Bool("update", false, "write what is printed now over the golden files")

// example is made up: its numbers are round, so that a reader can check the
// golden files.
func example(t *testing.T) *suite.Results {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "results.json"))
	must(t, err)
	r := &suite.Results{}
	must(t, json.Unmarshal(data, r))
	return r
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		must(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")); !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	must(t, report.Table(&out, example(t)))
	golden(t, "table.txt", out.Bytes())
}

func TestReadme(t *testing.T) {
	var out bytes.Buffer
	must(t, report.Readme(&out, example(t), "docs/speed.svg"))
	golden(t, "readme.md", out.Bytes())
	out.Reset()
	must(t, report.Readme(&out, example(t), ""))
	if strings.Contains(out.String(), "![") {
		t.Error("a picture that was not drawn is shown")
	}
}

func TestChart(t *testing.T) {
	r := example(t)
	var out bytes.Buffer
	must(t, report.Chart(&out, r))
	golden(t, "chart.svg", out.Bytes())
	text := wellFormed(t, out.Bytes())
	for _, want := range []string{"Holdfast", "1 writer, durable", "Example CPU <3 GHz>", r.Places[1].Label} {
		if !strings.Contains(text, want) {
			t.Errorf("the chart does not say %q", want)
		}
	}
}

// Of nothing there is a table and a picture too: both say nothing, and neither
// divides by zero.
func TestNoSamples(t *testing.T) {
	r := example(t)
	r.Samples = nil
	var out bytes.Buffer
	must(t, report.Table(&out, r))
	must(t, report.Readme(&out, r, ""))
	if strings.Contains(out.String(), "NaN") || strings.Contains(out.String(), "Inf") {
		t.Errorf("printed of nothing:\n%s", out.String())
	}
	out.Reset()
	must(t, report.Chart(&out, r))
	wellFormed(t, out.Bytes())
}

func TestOutputThatFails(t *testing.T) {
	for name, print := range map[string]func(io.Writer) error{
		"table":  func(w io.Writer) error { return report.Table(w, example(t)) },
		"readme": func(w io.Writer) error { return report.Readme(w, example(t), "") },
		"chart":  func(w io.Writer) error { return report.Chart(w, example(t)) },
	} {
		if err := print(full{}); !errors.Is(err, errFull) {
			t.Errorf("%s to a full disk: %v", name, err)
		}
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// wellFormed parses XML and returns its text.
func wellFormed(t *testing.T, data []byte) string {
	t.Helper()
	var text strings.Builder
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		token, err := d.Token()
		if err == io.EOF {
			return text.String()
		}
		must(t, err)
		if chars, ok := token.(xml.CharData); ok {
			text.Write(chars)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
