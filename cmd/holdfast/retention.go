package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast"
)

// retentionText tells how far back history reaches, and what bounds it.
func retentionText(r holdfast.Retention) string {
	reach := "nothing yet"
	if !r.Oldest.IsZero() {
		reach = "back to " + r.Oldest.UTC().Format(time.RFC3339)
		if r.Versions > 0 {
			reach = counted(int(r.Versions), "state") + " " + reach
		}
	}
	var limits []string
	if r.MaxSize > 0 {
		limits = append(limits, sizeText(r.MaxSize))
	}
	if r.MaxAge > 0 {
		limits = append(limits, ageText(r.MaxAge))
	}
	limit := "no limit"
	if len(limits) > 0 {
		limit = "at most " + strings.Join(limits, " and ")
	}
	return fmt.Sprintf("history: %s\n  size     %s\n  limit    %s\n", reach, sizeText(r.Size), limit)
}

// sizeText writes a number of bytes with at most one decimal.
func sizeText(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n)/1024, 0
	for ; size >= 1024 && unit < 3; unit++ {
		size /= 1024
	}
	number := strings.TrimSuffix(fmt.Sprintf("%.1f", size), ".0")
	return number + " " + []string{"KiB", "MiB", "GiB", "TiB"}[unit]
}

// ageText writes a duration in days where it is whole days.
func ageText(d time.Duration) string {
	const day = 24 * time.Hour
	if d%day == 0 {
		return counted(int(d/day), "day")
	}
	return d.String()
}
