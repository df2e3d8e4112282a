// Package cli is the command line: it parses flags, calls package app, talks to
// a running instance and draws what it says.
//
// Exit codes: 0 it is so; 1 it is not so (verify found a difference, check found
// a mistake, trace found nothing); 2 it could not be told.
package cli
