// Package journal keeps checksummed records in files of fixed size, durably and
// in order: the write-ahead journal of a store, and its history.
//
// All records that wait share one write and one flush (group commit), with no
// added delay. The files, called segments, are filled with zeros beforehand and
// used again when the records in them are released, so that a flush costs what
// the disk asks for and no metadata of the file system.
//
// What a record is after its Wait has returned nil: durable. It survives kill
// -9, a crash of the operating system and a power cut, on a disk that honours
// flush. Reading back tells three things apart: records; a tail that was being
// written when the power went, which nobody was told to be durable and which is
// dropped without a word; and damage to records that had been acknowledged,
// which is put right where one bit has flipped and reported otherwise. What lies
// behind damage is still read.
//
// A power cut is taken to do this to a file that was being written: each
// sector of 512 bytes holds the old bytes or the new ones, in any combination,
// until a flush has returned. A disk that corrupts what was flushed is damage.
//
// One process writes ([Open]); the caller sees to that. Others may read at the
// same time, without a lock ([OpenReader]).
package journal
