//go:build linux || darwin

package stream

import "syscall"

// diskFree returns the bytes an ordinary user may still write under dir, or
// under the nearest directory above it that exists.
func diskFree(dir string) (free uint64, ok bool) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(existing(dir), &fs); err != nil {
		return 0, false
	}
	return fs.Bavail * uint64(fs.Bsize), true
}
