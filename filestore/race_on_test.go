//go:build race

package filestore_test

// raceDetector makes everything several times slower.
const raceDetector = true
