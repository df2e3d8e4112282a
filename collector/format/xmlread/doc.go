// Package xmlread reads large XML documents fragment by fragment: a caller says
// which elements it wants whole, and gets each as a small tree over its exact
// bytes.
//
//	r, err := xmlread.New(document, xmlread.Limits{})
//	for {
//		f, err := r.Next(func(tag xmlread.Node) xmlread.Action { … Enter, Take or Skip })
//		…
//		f.Root.Child("RetailStoreID").Text()
//	}
//
// Names are matched without their namespace: every vendor has its own prefixes,
// and many their own namespace. Memory is bounded by the largest fragment allowed,
// whatever the document's size.
//
// What breaks the structure of a document (tags that do not match, an end in the
// middle) ends reading with a *format.Problem. What does not, such as an unknown
// entity, spoils the fragment it stands in and no other. Nothing is ever loaded
// from elsewhere, and document types that declare anything are refused.
package xmlread
