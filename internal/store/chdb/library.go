package chdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Version is the release of the npm packages @chdb/lib-… that this package is
// written for. Older ones lack the streaming insert.
const Version = "26.7.3-stable.1"

// LibraryEnv names the environment variable that holds the path of libchdb.so.
const LibraryEnv = "STOCKTRACE_LIBCHDB"

// ErrNotInstalled is returned by [Open] when there is no libchdb to be found.
// Its message says how to install it.
var ErrNotInstalled = errors.New("the embedded ClickHouse engine is not installed")

// npmPackages are the platforms libchdb is built for.
var npmPackages = map[string]string{
	"linux/amd64":  "@chdb/lib-linux-x64-gnu",
	"linux/arm64":  "@chdb/lib-linux-arm64-gnu",
	"darwin/amd64": "@chdb/lib-darwin-x64",
	"darwin/arm64": "@chdb/lib-darwin-arm64",
}

// fileNames are what the library may be called.
var fileNames = []string{"libchdb.so", "libchdb.dylib"}

// installHint is the command that installs the library for this platform.
func installHint() string {
	return fmt.Sprintf("run `npm install --no-save %s@%s`", npmPackages[runtime.GOOS+"/"+runtime.GOARCH], Version)
}

// FindLibrary answers with the path of libchdb. It looks, in this order, at
// explicit if it is not empty, at $STOCKTRACE_LIBCHDB, beside the executable
// and in the node_modules next to and above its directory, and in the
// node_modules of the working directory and of every directory above it. The
// first two are taken at their word: if they name no file, that is an error.
func FindLibrary(explicit string) (string, error) {
	pkg, ok := npmPackages[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return "", fmt.Errorf("%w: there is none for %s/%s, so point --clickhouse-dsn at a ClickHouse server",
			ErrNotInstalled, runtime.GOOS, runtime.GOARCH)
	}
	for _, named := range []string{explicit, os.Getenv(LibraryEnv)} {
		if named == "" {
			continue
		}
		if !isFile(named) {
			return "", fmt.Errorf("%w: there is no file %s; %s, or set %s to the path of libchdb.so",
				ErrNotInstalled, named, installHint(), LibraryEnv)
		}
		return filepath.Abs(named)
	}
	var candidates []string
	add := func(dir string) {
		for _, name := range fileNames {
			candidates = append(candidates, filepath.Join(dir, name))
		}
	}
	addAbove := func(dir string) {
		for {
			add(filepath.Join(dir, "node_modules", filepath.FromSlash(pkg)))
			parent := filepath.Dir(dir)
			if parent == dir {
				return
			}
			dir = parent
		}
	}
	if exe, err := os.Executable(); err == nil {
		if exe, err = filepath.EvalSymlinks(exe); err == nil {
			add(filepath.Dir(exe))
			addAbove(filepath.Dir(exe))
		}
	}
	if wd, err := os.Getwd(); err == nil {
		addAbove(wd)
	}
	for _, c := range candidates {
		if isFile(c) {
			return c, nil
		}
	}
	return "", fmt.Errorf("%w: %s, or set %s to the path of libchdb.so", ErrNotInstalled, installHint(), LibraryEnv)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
