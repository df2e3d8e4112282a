package web

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

const schemaPath = "#/components/schemas/"

// object is a JSON object in the making.
type object = map[string]any

// describe writes the endpoints as OpenAPI 3.1. The schemas are read off the
// types that are written.
func describe(all []endpoint, version string) []byte {
	schemas := object{}
	paths := object{}
	problems := object{"description": "A problem document (RFC 9457).", "content": object{
		"application/problem+json": object{"schema": schemaOf(reflect.TypeFor[problem](), schemas)},
	}}
	wildcard := regexp.MustCompile(`\{(\w+)\.\.\.\}`)
	for _, e := range all {
		params := []any{}
		for _, p := range e.params {
			params = append(params, p.describe())
		}
		responses := object{
			"400": problems, "401": problems, "500": problems, "503": problems,
		}
		switch {
		case e.raw != nil:
			responses["200"] = object{"description": "The bytes.", "content": object{
				"application/cloudevents+json": object{}, "application/x-protobuf": object{},
			}}
			responses["404"] = problems
		case e.export != nil:
			responses["200"] = object{"description": "One object a line.", "content": object{
				"application/x-ndjson": object{"schema": schemaOf(reflect.TypeOf(e.item), schemas)},
			}}
		case e.listed:
			responses["200"] = listResponse(e.item, schemas)
		default:
			responses["200"] = jsonResponse("The answer.", schemaOf(reflect.TypeOf(e.item), schemas))
		}
		if e.sheet {
			responses["200"].(object)["content"].(object)["text/csv"] = object{"schema": object{"type": "string", "description": "One figure a row, with a header line."}}
			responses["404"] = problems
		}
		if e.name == "getLifecycle" {
			responses["300"] = listResponse(e.item, schemas)
			responses["307"] = object{"description": "It is under another id, in Location."}
			responses["404"] = problems
		}
		operation := object{"operationId": e.name, "summary": e.summary, "parameters": params, "responses": responses}
		method := "get"
		if e.deed != nil {
			method = "post"
			operation["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": bodyOf(e.body)}}}
			for _, status := range []string{"403", "404", "409", "415", "422"} {
				responses[status] = problems
			}
		}
		paths["/api/v1"+wildcard.ReplaceAllString(e.path, "{$1}")] = object{method: operation}
	}
	document, err := json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "stocktrace", "version": version,
			"description": "Where every inventory transaction stands, what is missing and why. Quantities and money are decimals written as text; instants are RFC 3339 in UTC, null where there is none.",
		},
		"paths": paths,
		"components": object{
			"schemas":         schemas,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "description": "The value of --auth-token, where one is set."}},
		},
		"security": []any{object{}, object{"token": []string{}}},
	}, "", "  ")
	if err != nil {
		// Maps of strings, lists and booleans always encode.
		panic("web: describe the API: " + err.Error())
	}
	return append(document, '\n')
}

// bodyOf describes what a request to act says.
func bodyOf(fields []string) object {
	what := map[string]object{
		"by":         {"type": "string", "description": "Who does it."},
		"id":         {"type": "string", "description": "Names the request: asking again under it does nothing twice."},
		"ticket":     {"type": "string"},
		"note":       {"type": "string"},
		"assignee":   {"type": "string", "description": "Whose it is; empty takes it back."},
		"resolution": {"type": "string", "enum": stringsOf(inventory.ByHand)},
		"expect":     {"type": "integer", "description": "How many the filter is thought to select; another number is refused (409)."},
		"with":       {"type": "string", "description": "The other lifecycle: its id or any key."},
		"records":    {"type": "array", "items": object{"type": "string"}, "description": "Record ids."},
	}
	properties := object{}
	for _, name := range append([]string{"by", "id"}, fields...) {
		properties[name] = what[name]
	}
	return object{"type": "object", "required": []string{"by"}, "properties": properties}
}

func (p *parameter) describe() object {
	schema := object{"type": "string"}
	switch p.kind {
	case "integer":
		schema = object{"type": "integer", "minimum": 1, "maximum": maxLimit, "default": defaultLimit}
	case "date", "date-time":
		schema["format"] = p.kind
	}
	if len(p.values) > 0 {
		schema["enum"] = p.values
	}
	if p.several {
		schema = object{"type": "array", "items": schema}
	}
	out := object{"name": p.name, "in": "query", "schema": schema}
	if p.doc != "" {
		out["description"] = p.doc
	}
	if p.several {
		out["style"], out["explode"] = "form", false
	}
	if p.inPath {
		out["in"], out["required"] = "path", true
	}
	return out
}

func jsonResponse(what string, schema object) object {
	return object{"description": what, "content": object{"application/json": object{"schema": schema}}}
}

func listResponse(item any, schemas object) object {
	items := object{}
	if several, ok := item.([]any); ok {
		var kinds []any
		for _, one := range several {
			kinds = append(kinds, schemaOf(reflect.TypeOf(one), schemas))
		}
		items["oneOf"] = kinds
	} else {
		items = schemaOf(reflect.TypeOf(item), schemas)
	}
	response := jsonResponse("A window into the list.", object{
		"type": "object", "required": []string{"items", "next"},
		"properties": object{
			"items": object{"type": "array", "items": items},
			"next":  object{"type": "string", "description": "The cursor of the next window, empty at the end."},
		},
	})
	response["content"].(object)["text/csv"] = object{"schema": object{"type": "string", "description": "With a header line; the next window is in the Link header."}}
	return response
}

// schemaOf returns the JSON schema of what a Go type is written as. Structs go
// under their names into schemas.
func schemaOf(t reflect.Type, schemas object) object {
	switch t {
	case reflect.TypeFor[stamp]():
		return object{"type": []string{"string", "null"}, "format": "date-time"}
	case reflect.TypeFor[number]():
		return object{"type": []string{"number", "null"}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return object{"oneOf": []any{schemaOf(t.Elem(), schemas), object{"type": "null"}}}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "contentEncoding": "base64"}
		}
		return object{"type": "array", "items": schemaOf(t.Elem(), schemas)}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": schemaOf(t.Elem(), schemas)}
	case reflect.Struct:
		name := strings.TrimSuffix(t.Name(), "JSON")
		name = strings.ToUpper(name[:1]) + name[1:]
		if _, ok := schemas[name]; !ok {
			schemas[name] = nil // a type may contain itself
			properties, required := object{}, []string{}
			for i := range t.NumField() {
				field := t.Field(i)
				if field.Anonymous { // its fields are written among ours
					embedded := schemas[strings.TrimPrefix(schemaOf(field.Type, schemas)["$ref"].(string), schemaPath)].(object)
					maps.Copy(properties, embedded["properties"].(object))
					required = append(required, embedded["required"].([]string)...)
					continue
				}
				tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
				properties[tag] = schemaOf(field.Type, schemas)
				if options != "omitempty" {
					required = append(required, tag)
				}
			}
			schemas[name] = object{"type": "object", "properties": properties, "required": required}
		}
		return object{"$ref": schemaPath + name}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	default:
		// A type that says nothing of itself would be described as text.
		panic("web: describe the API: no schema of " + t.String())
	}
}
