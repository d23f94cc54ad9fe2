package main

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// timeFormat is how times are printed: always UTC, to the millisecond.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

func formatTime(t time.Time) string { return t.UTC().Format(timeFormat) }

const momentUsage = "a time such as 2026-01-02T15:04:05Z, a date, or how long ago, such as 15m, 2h, 3d"

// parseMoment reads a time as people give it, the latest that the text can
// mean: a date is the end of that day (UTC), a second its end. So a time that
// was printed, and cut off after its milliseconds, finds what it stood beside.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if ago, ok := parseAgo(text); ok {
		return now.Add(-ago), nil
	}
	unit := 24 * time.Hour
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		unit = precision(text)
		t, err = time.Parse(time.RFC3339Nano, text)
	}
	if err != nil {
		return t, errors.New("it takes " + momentUsage)
	}
	// Other machines' clocks may be a little ahead.
	if t.After(now.Add(time.Minute)) {
		return t, errors.New("it lies in the future")
	}
	return t.Add(unit - time.Nanosecond), nil
}

// precision is the unit of the last digit of the seconds.
func precision(text string) time.Duration {
	unit := time.Second
	_, fraction, _ := strings.Cut(strings.Replace(text, ",", ".", 1), ".")
	for _, digit := range fraction {
		if digit < '0' || digit > '9' {
			break
		}
		unit = max(unit/10, 1)
	}
	return unit
}

// parseAgo reads a duration: those of package time, and before them weeks and
// days.
func parseAgo(text string) (time.Duration, bool) {
	const most = 10000 // of each: what is longer overflows
	var sum time.Duration
	for _, unit := range []struct {
		letter string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		number, rest, found := strings.Cut(text, unit.letter)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || n > most {
			return 0, false
		}
		sum += time.Duration(n) * unit.length
		if text = rest; text == "" {
			return sum, true
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || text[0] == '-' || text[0] == '+' || sum+d < sum {
		return 0, false
	}
	return sum + d, true
}
