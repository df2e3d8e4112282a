package mapping

import (
	"io"

	"github.com/stocktrace/stocktrace/collector/format"
)

func (m *Mapping) readXML(io.Reader, func(record) error) error {
	return &format.Problem{Detail: "Mappings do not read XML yet."}
}
