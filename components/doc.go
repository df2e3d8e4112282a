// Package components holds what a Collector of one's own builds in, a folder
// each, as upstream lays its components out: a factory, a configuration, a
// metadata.yaml, a README. deploy/collector/builder.yaml is a distribution of
// them with upstream's; docs/own-collector.md is how to begin.
//
// The tests here hold for every component: metadata.yaml and README say what the
// code does, and the distribution's manifest and configuration agree with it.
// metadata.yaml is upstream's form, written by hand: upstream's generator
// (mdatagen) is no module that can be had by itself.
package components
