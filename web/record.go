package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/stocktrace/stocktrace/inventory"
)

// record shows one record as it was received. One id may have come with
// different contents; each is shown.
func (s *Server) record(v *view, r *http.Request) (templ.Component, error) {
	records, err := s.Reader.Raw(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	v.Title, v.Section = "Record", "sales"
	return recordPage(v, records), nil
}

// readable turns raw bytes into text a person can read: JSON indented, OTLP as
// its own JSON form. What is neither is said to be so.
func readable(r *inventory.Record) string {
	if strings.HasPrefix(r.RawType, "application/x-protobuf") {
		if text, ok := otlpJSON(r.Raw, strings.HasSuffix(r.RawType, "type=logs")); ok {
			return text
		}
	}
	var b bytes.Buffer
	if json.Indent(&b, r.Raw, "", "  ") == nil {
		return b.String()
	}
	if utf8.Valid(r.Raw) {
		return string(r.Raw)
	}
	return many(len(r.Raw), "byte", "bytes") + " of " + r.RawType
}

func otlpJSON(raw []byte, logs bool) (string, bool) {
	var text []byte
	if logs {
		d, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(raw)
		if err != nil {
			return "", false
		}
		if text, err = (&plog.JSONMarshaler{}).MarshalLogs(d); err != nil {
			return "", false
		}
	} else {
		d, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(raw)
		if err != nil {
			return "", false
		}
		if text, err = (&ptrace.JSONMarshaler{}).MarshalTraces(d); err != nil {
			return "", false
		}
	}
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return "", false
	}
	return b.String(), true
}

// rawPath is where a record's bytes are, as received.
func rawPath(id string) string { return "/api/v1/events/" + url.PathEscape(id) + "/raw" }
