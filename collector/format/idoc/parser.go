package idoc

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ParseDefinitions reads the definitions of segments as SAP itself writes them:
// transaction WE60, "Documentation", "Parser" (report RSEIDOC3). They are the
// authority on flat files of the system they come from; give them to
// [Format.Segments]. The error is one sentence with file and line.
//
//	BEGIN_SEGMENT E2EDL24006
//	  SEGMENTTYPE E1EDL24
//	  BEGIN_FIELDS
//	    NAME POSNR
//	    BYTE_FIRST 000064
//	    BYTE_LAST  000069
func ParseDefinitions(file string, text io.Reader) (map[string][]Column, error) {
	all := map[string][]Column{}
	var segment, name string
	first, number := 0, 0
	in := bufio.NewScanner(text)
	for in.Scan() {
		number++
		key, value, _ := strings.Cut(strings.TrimSpace(in.Text()), " ")
		value = strings.TrimSpace(value)
		switch key {
		case "BEGIN_SEGMENT":
			segment = base(value)
		case "SEGMENTTYPE":
			segment = base(value)
		case "END_SEGMENT", "BEGIN_CONTROL_RECORD", "BEGIN_DATA_RECORD", "BEGIN_STATUS_RECORD":
			segment = ""
		case "NAME":
			name = value
		case "BYTE_FIRST", "CHARACTER_FIRST":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("%s:%d: %s is no position: write the parser's output as it is.", file, number, show(value)) //nolint:revive,staticcheck // a sentence for people
			}
			first = n
		case "BYTE_LAST", "CHARACTER_LAST":
			last, err := strconv.Atoi(value)
			if segment == "" || err != nil {
				continue
			}
			if name == "" || first <= dataAt || last < first || last > dataAt+1000 {
				return nil, fmt.Errorf("%s:%d: the field %s of %s ends at %s, and cannot: fields stand at %d to %d.", file, number, show(name), segment, value, dataAt+1, dataAt+1000) //nolint:revive,staticcheck // a sentence for people
			}
			columns := all[segment]
			end := dataAt
			for _, c := range columns {
				end += c.Width
			}
			if gap := first - 1 - end; gap > 0 {
				columns = append(columns, Column{"", gap})
			} else if gap < 0 {
				return nil, fmt.Errorf("%s:%d: the field %s of %s begins at %d, within the one before it.", file, number, show(name), segment, first) //nolint:revive,staticcheck // a sentence for people
			}
			all[segment] = append(columns, Column{name, last - first + 1})
			name = ""
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: reading stopped: %w", file, number+1, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s:1: no segment is defined here: write the parser's output of transaction WE60.", file) //nolint:revive,staticcheck // a sentence for people
	}
	return all, nil
}

// dataAt is where the data of a data record begins, behind its envelope.
const dataAt = 63
