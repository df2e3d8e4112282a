package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/dropfolder"
	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/mapping"
)

// mappingsEvery is how often the mappings' files are looked at.
const mappingsEvery = 5 * time.Second

// Mappings reads the mappings the settings name, as an instance would use them.
// With trace, readings say where each field came from.
func Mappings(s *Settings, trace bool) (*mapping.Set, error) {
	o := mapping.Options{Trace: trace}
	if s.Packs != "" {
		var err error
		if o.Packs, err = loadPacks(s.Packs); err != nil {
			return nil, err
		}
	}
	return mapping.Load(s.Mappings, o)
}

// DocumentSource is a source of documents as an instance with these settings
// would know it: with the zones of its locations.
func DocumentSource(s *Settings, name, document string) (format.Source, error) {
	from := format.Source{Name: name, Document: document, Header: map[string]string{}}
	if s.Locations != "" {
		locations, err := LoadLocations(s.Locations)
		if err != nil {
			return from, err
		}
		from.ZoneOf = (&rules{locations: locations}).zones()
	}
	if s.DropFolders != "" {
		folders, err := loadFolders(s.DropFolders)
		if err != nil {
			return from, err
		}
		for _, f := range folders {
			if f.Source == name {
				from.System, from.Instance, from.Location, from.Zone = f.System, f.Instance, f.Location, f.Zone
			}
		}
	}
	return from, nil
}

// startMappings reads the mappings and keeps following their files.
func (a *App) startMappings(context.Context) error {
	live, err := mapping.Open(a.settings.Mappings, mapping.Options{Packs: a.rules.packs, Program: a.version}, a.log.With("part", "mappings"), time.Now())
	if err != nil {
		return err
	}
	a.mappings = live
	a.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "stocktrace_mappings_stale",
		Help: "1 while the mapping files say something that is wrong, and what they said before is in use.",
	}, func() float64 {
		if live.Health().Err != "" {
			return 1
		}
		return 0
	}))
	if a.settings.Mappings == "" {
		return nil
	}
	a.goRun("mappings", func(ctx context.Context) error {
		tick := time.NewTicker(mappingsEvery)
		defer tick.Stop()
		return live.Watch(ctx, tick.C)
	})
	return nil
}

// findDocument finds what reads a document.
func (a *App) findDocument(head []byte, source format.Source, name string) (collector.DocumentReader, error) {
	return a.mappings.Current().Find(head, source, name)
}

// startFolders watches the folders that documents are dropped into.
func (a *App) startFolders(context.Context) error {
	folders, err := loadFolders(a.settings.DropFolders)
	if err != nil {
		return err
	}
	documents, err := collector.NewDocuments(a.collectorOptions())
	if err != nil {
		return err
	}
	w, err := dropfolder.New(dropfolder.Options{
		Folders: folders, State: filepath.Join(a.settings.DataDir, "dropped"), Taker: documents,
		Reader: func() dropfolder.Reader { return a.mappings.Current() },
		ZoneOf: a.rules.zones(), Every: a.settings.DropEvery, Settle: a.settings.DropSettle,
		Log: a.log.With("part", "drop folders"),
	})
	if err != nil {
		return err
	}
	a.metrics.MustRegister(folderGauges{w})
	a.goRun("drop folders", w.Run)
	return nil
}

// folderGauges shows the drop folders in /metrics.
type folderGauges struct{ watcher *dropfolder.Watcher }

var (
	folderWaitingDesc = prometheus.NewDesc("stocktrace_dropfolder_waiting_files",
		"Files that wait in a drop folder, complete or not.", []string{"folder"}, nil)
	folderTakenDesc = prometheus.NewDesc("stocktrace_dropfolder_files_total",
		"Files taken from a drop folder, done or failed.", []string{"folder", "result"}, nil)
	folderUpDesc = prometheus.NewDesc("stocktrace_dropfolder_up",
		"1 while the folder can be read and its files can be taken.", []string{"folder"}, nil)
)

// Describe implements [prometheus.Collector].
func (folderGauges) Describe(c chan<- *prometheus.Desc) {
	c <- folderWaitingDesc
	c <- folderTakenDesc
	c <- folderUpDesc
}

// Collect implements [prometheus.Collector].
func (g folderGauges) Collect(c chan<- prometheus.Metric) {
	for _, h := range g.watcher.Health() {
		up := 1.0
		if h.Err != "" {
			up = 0
		}
		c <- prometheus.MustNewConstMetric(folderWaitingDesc, prometheus.GaugeValue, float64(h.Waiting), h.Dir)
		c <- prometheus.MustNewConstMetric(folderTakenDesc, prometheus.CounterValue, float64(h.Done), h.Dir, "done")
		c <- prometheus.MustNewConstMetric(folderTakenDesc, prometheus.CounterValue, float64(h.Failed), h.Dir, "failed")
		c <- prometheus.MustNewConstMetric(folderUpDesc, prometheus.GaugeValue, up, h.Dir)
	}
}

var folderFields = []string{"dir", "source", "system", "instance", "location", "zone", "markers"}

// loadFolders reads the file of drop folders:
//
//	folders:
//	  - dir: /var/spool/pos          # relative to this file
//	    source: /pos/eu              # whose documents they are
//	    system: pos                  # what they leave out
//	    location: "0123"
//	    zone: Europe/Paris
//	    markers: true                # wait for FILE.complete
func loadFolders(file string) ([]dropfolder.Folder, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read drop folders: %w", err)
	}
	root, err := parseYAML(file, raw)
	if err != nil {
		return nil, err
	}
	if root == nil || root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: begins with `folders:` and a list below it", file)
	}
	var folders []dropfolder.Folder
	seen := map[string]int{}
	err = eachField(file, root, "field", []string{"folders"}, func(_ string, list *yaml.Node) error {
		if list.Kind != yaml.SequenceNode {
			return at(file, list, "folders is a list; each entry begins with `- dir:`")
		}
		var errs []error
		for _, n := range list.Content {
			f, err := readFolder(file, n)
			if err != nil {
				errs = append(errs, errList(err)...)
				continue
			}
			if line, twice := seen[f.Dir]; twice {
				errs = append(errs, at(file, n, "the folder %s is named twice, first in line %d", f.Dir, line))
				continue
			}
			seen[f.Dir] = n.Line
			folders = append(folders, f)
		}
		return errors.Join(errs...)
	})
	return folders, err
}

func readFolder(file string, n *yaml.Node) (dropfolder.Folder, error) {
	var f dropfolder.Folder
	if n.Kind != yaml.MappingNode {
		return f, at(file, n, "a folder begins with `- dir:`")
	}
	err := eachField(file, n, "field", folderFields, func(name string, value *yaml.Node) error {
		if value.Kind != yaml.ScalarNode {
			return at(file, value, "%s is plain text", name)
		}
		v := value.Value
		switch name {
		case "dir":
			f.Dir = v
			if v != "" && !filepath.IsAbs(v) {
				f.Dir = filepath.Join(filepath.Dir(file), v)
			}
		case "source":
			f.Source = v
		case "system":
			f.System = v
		case "instance":
			f.Instance = v
		case "location":
			f.Location = v
		case "zone":
			zone, err := time.LoadLocation(v)
			if err != nil || v == "Local" {
				return at(file, value, "zone %q is not an IANA time zone like Europe/Paris", v)
			}
			f.Zone = zone
		case "markers":
			if v != "true" && v != "false" {
				return at(file, value, "markers is true or false")
			}
			f.Markers = v == "true"
		}
		return nil
	})
	if err == nil && f.Dir == "" {
		err = at(file, n, "a folder needs its dir")
	}
	if err == nil && f.Source == "" {
		err = at(file, n, "a folder needs its source: whose documents these are, such as /pos/eu")
	}
	return f, err
}
