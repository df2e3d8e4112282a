package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a child whose processor time is measured.
type process struct {
	name   string
	cmd    *exec.Cmd
	out    *output
	exited chan struct{}
	err    error // of the child, once exited is closed
}

// output keeps what a child printed.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// start runs a program in the project's root, where the libraries are found.
func start(name, root string, env []string, program string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(program, args...), out: &output{}, exited: make(chan struct{})}
	p.cmd.Dir = root
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// stop ends the child as Ctrl-C does.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGINT) // it may have ended already
	select {
	case <-p.exited:
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("%s did not end on an interrupt:\n%s", p.name, p.out)
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w\n%s", p.name, p.err, p.out)
	}
	return nil
}

// kill ends the child if it still runs.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// alive returns an error once the child has ended.
func (p *process) alive() error {
	select {
	case <-p.exited:
		return fmt.Errorf("%s ended: %w\n%s", p.name, errors.Join(p.err, errors.New("unexpected")), p.out)
	default:
		return nil
	}
}

// usage is what a process has used so far.
type usage struct {
	processor time.Duration // user and system time of all its threads
	peak      int64         // most memory resident, in bytes
}

// used reads the child's processor time from the kernel while it runs: the same
// count its rusage holds at the end, without starting and stopping.
func (p *process) used() (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return usage{}, fmt.Errorf("processor time of %s: %w", p.name, err)
	}
	var u usage
	_, u.processor = threadStat(stat)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return usage{}, fmt.Errorf("memory of %s: %w", p.name, err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			u.peak = kib << 10
		}
	}
	return u, nil
}

// threads says which of the child's threads have used how much, by name: those
// of the embedded engine have names of their own.
func (p *process) threads() string {
	names := map[string]time.Duration{}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", p.cmd.Process.Pid))
	for _, task := range tasks {
		stat, err := os.ReadFile(task + "/stat")
		if err != nil {
			continue // it has ended
		}
		name, fields := threadStat(stat)
		names[name] += fields
	}
	var all []string
	for name, used := range names {
		if used >= 100*time.Millisecond {
			all = append(all, fmt.Sprintf("%s %.1f s", name, used.Seconds()))
		}
	}
	slices.Sort(all)
	return "processor time by thread: " + strings.Join(all, ", ")
}

// threadStat reads name and processor time from a stat file of the kernel.
func threadStat(stat []byte) (name string, used time.Duration) {
	const ticks = 100 // USER_HZ, on every Linux there is
	// The second field is the name in parentheses, and may hold anything.
	begin, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[end+1:]))
	for _, i := range []int{11, 12} { // utime and stime, counted from the third field
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		used += time.Duration(n) * time.Second / ticks
	}
	return string(stat[begin+1 : end]), used
}

// freePorts returns loopback addresses nobody listens on.
func freePorts(n int) ([]string, error) {
	var all []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // all at once, so that they differ
		all = append(all, l.Addr().String())
	}
	return all, nil
}

// eventually repeats try until it reports true, as often as every says.
func eventually(ctx context.Context, within, every time.Duration, what string, try func() (bool, error)) error {
	deadline := time.Now().Add(within)
	for {
		ok, err := try()
		if err != nil || ok {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %s", what, within)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}

// getJSON asks for a JSON answer; found is false for 404.
func getJSON(ctx context.Context, url string, into any) (found bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return false, err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
		return true, json.NewDecoder(response.Body).Decode(into)
	case http.StatusNotFound:
		return false, nil
	default:
		return false, fmt.Errorf("GET %s: %s", url, response.Status)
	}
}
