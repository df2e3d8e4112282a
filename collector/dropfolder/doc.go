// Package dropfolder takes documents from folders into the log, the way most
// retailers still exchange them: a system writes a file, another one fetches it.
//
//	           ┌────────── still being written, or no marker: waited for
//	folder ────┤
//	           └─▶ read ─▶ log ─▶ checkpoint ─▶ … ─▶ done/  or, with problems, failed/
//
// A file is taken when it has not changed for a while, or, where the folder wants
// markers, when file.complete stands beside it. It is read in a stream, part by
// part: the next part is read when the one before is on disk in the log, and the
// checkpoint is written behind it. So memory does not grow with the file, and the
// log's back-pressure reaches the folder.
//
// # What survives what
//
// A checkpoint is on disk (written, synced, renamed) before the next part is
// read. A crash between a part's publishing and its checkpoint publishes that
// part again: events have the same ids and contents, so they are the same
// records. A file is known by its bytes' beginning, its size and its time, not by
// its name, so one that is renamed is not read twice. A checkpoint of other
// mappings than today's is not used: the file is read from its beginning.
//
// No file is ever deleted or overwritten: it is moved within the folder, to a
// name that is free.
package dropfolder
