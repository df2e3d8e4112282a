package app

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	backlogDesc = prometheus.NewDesc("stocktrace_log_pending_messages",
		"Messages accepted and not yet processed.", []string{"partition"}, nil)
	logBytesDesc = prometheus.NewDesc("stocktrace_log_bytes",
		"Bytes the log's streams hold.", []string{"stream"}, nil)
	logCapDesc = prometheus.NewDesc("stocktrace_log_max_bytes",
		"Bytes at which the log's streams refuse more.", []string{"stream"}, nil)
	unownedDesc = prometheus.NewDesc("stocktrace_partitions_unowned",
		"Partitions nobody processes.", nil, nil)
	lagDesc = prometheus.NewDesc("stocktrace_engine_lag_seconds",
		"How far judging is behind receiving, on the instance's clock.", nil, nil)
	diskDesc = prometheus.NewDesc("stocktrace_disk_used_ratio",
		"Share of the fullest data disk in use.", nil, nil)
	unreadDesc = prometheus.NewDesc("stocktrace_quarantine_entries",
		"Entries the quarantine holds.", nil, nil)
	waitingDesc = prometheus.NewDesc("stocktrace_quarantine_waiting_entries",
		"Entries of the quarantine that have not been read again and landed.", nil, nil)
	unreadBytesDesc = prometheus.NewDesc("stocktrace_quarantine_bytes",
		"Bytes the quarantine holds, as received.", nil, nil)
	unreadCapDesc = prometheus.NewDesc("stocktrace_quarantine_max_bytes",
		"Bytes above which the oldest entries of the quarantine go.", nil, nil)
	logUpDesc = prometheus.NewDesc("stocktrace_log_up",
		"1 while the log stores messages.", nil, nil)
	tablesUpDesc = prometheus.NewDesc("stocktrace_tables_up",
		"1 while the tables answer.", nil, nil)
)

// register shows the pulse in /metrics.
func (p *pulse) register(r prometheus.Registerer) { r.MustRegister(p) }

// Describe implements [prometheus.Collector].
func (p *pulse) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{backlogDesc, logBytesDesc, logCapDesc, unownedDesc, lagDesc, diskDesc, unreadDesc, waitingDesc, unreadBytesDesc, unreadCapDesc, logUpDesc, tablesUpDesc} {
		c <- d
	}
}

// Collect implements [prometheus.Collector].
func (p *pulse) Collect(c chan<- prometheus.Metric) {
	s := p.last()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	up := func(err error) float64 {
		if err != nil {
			return 0
		}
		return 1
	}
	for _, st := range s.streams {
		gauge(logBytesDesc, float64(st.Bytes), st.Name)
		gauge(logCapDesc, float64(st.MaxBytes), st.Name)
		if st.Partition >= 0 {
			gauge(backlogDesc, float64(st.Pending), strconv.Itoa(st.Partition))
		}
	}
	gauge(unownedDesc, float64(len(s.unowned)))
	if !s.through.IsZero() {
		gauge(lagDesc, p.clock.Now().Sub(s.through).Seconds())
	}
	gauge(logUpDesc, up(s.logErr))
	if p.tables != nil {
		gauge(diskDesc, s.disk)
		gauge(unreadDesc, float64(s.unread.Entries))
		gauge(waitingDesc, float64(s.unread.Waiting))
		gauge(unreadBytesDesc, float64(s.unread.Bytes))
		gauge(unreadCapDesc, float64(p.most))
		gauge(tablesUpDesc, up(s.tablesErr))
	}
}
