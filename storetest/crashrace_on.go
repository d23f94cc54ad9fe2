//go:build race

package storetest

// raceDetector makes everything several times slower.
const raceDetector = true
