package epcis

import (
	"io"

	"github.com/stocktrace/stocktrace/collector/format"
)

func (r *reader) readXML(io.Reader) error {
	return &format.Problem{Detail: "is XML, which is not read yet."}
}
