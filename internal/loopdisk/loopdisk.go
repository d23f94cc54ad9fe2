// Package loopdisk gives tests a small file system of their own, in an image
// file on a loop device, whose power they can cut. It needs Linux and the rights
// of root.
package loopdisk
