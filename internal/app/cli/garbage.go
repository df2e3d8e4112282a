package cli

import (
	"bytes"
	"os"
	"runtime/debug"
	"strconv"

	"github.com/shirou/gopsutil/v4/mem"
)

// How often the garbage collector runs is a trade of memory for processor time.
// What stays alive on our heap are a few hundred megabytes, and each collection
// looks at all of them; most of what a batch allocates is dead by its end. A heap
// that may grow to four times what is alive, where Go's default is twice, saves a
// tenth of the processor time under load (docs/BENCHMARKS.md). Towards a third of
// the machine's memory it is collected as often as it takes: the embedded engine
// wants its share.
const (
	garbagePercent = 300
	memoryShare    = 3
)

// tuneGarbage sets both, save what GOGC and GOMEMLIMIT say.
func tuneGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	if total := memory(); os.Getenv("GOMEMLIMIT") == "" && total > 0 {
		debug.SetMemoryLimit(total / memoryShare)
	}
}

// memory is how many bytes the machine has, or the container may use; 0 where
// neither can be told.
func memory() int64 {
	var total int64
	if m, err := mem.VirtualMemory(); err == nil {
		total = int64(m.Total)
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// Without a limit it is "max", or more than there is.
		if limit, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64); err == nil && limit < total {
			total = limit
		}
	}
	return total
}
