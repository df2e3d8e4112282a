// Package formattest is what the tests of all formats share: golden folders, the
// published samples, and the properties that hold for any format over any bytes.
//
//	func TestGolden(t *testing.T) { formattest.Golden(t, poslog.Format{}) }
//
//	func FuzzRead(f *testing.F) {
//		formattest.Seed(f)
//		f.Fuzz(func(t *testing.T, document []byte) { formattest.Check(t, poslog.Format{}, document, format.Source{}) })
//	}
//
// A case is a folder testdata/<case> with the document as in.*, its sender as
// source.yaml or source.json where it matters, and what is read from it as
// out.json. `go test -update` writes the latter.
package formattest
