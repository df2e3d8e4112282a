package cli

import "testing"

func TestMemory(t *testing.T) {
	if m := memory(); m < 64<<20 {
		t.Errorf("this machine has %d bytes of memory; a test runs on more", m)
	}
}
