package objectives

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/slo"
)

// Annotations read; every other one under the prefix is an error, so that a
// slip in one does not pass unseen.
const (
	prefix           = "stocktrace/"
	annotOwner       = prefix + "owner"
	annotRunbook     = prefix + "runbook"
	annotMinBad      = prefix + "min-bad"
	annotConfidence  = prefix + "confidence"
	annotShortWindow = prefix + "short-window"
)

// onCall is the one notification target: every receiver that is configured.
const onCall = "on-call"

// reader turns one document into an objective and collects every error on the
// way. The last line seen stands in for fields that are absent.
type reader struct {
	file string
	line int
	errs []error
}

func (r *reader) errorf(line int, format string, args ...any) {
	if line == 0 {
		line = max(r.line, 1)
	}
	r.errs = append(r.errs, fmt.Errorf("%s:%d: %s", r.file, line, fmt.Sprintf(format, args...)))
}

// need returns the scalar's text; an absent or empty one is an error.
func (r *reader) need(s scalar, name string) string {
	if s.value == "" {
		r.errorf(s.line, "%s is required", name)
	} else {
		r.line = s.line
	}
	return s.value
}

// oneOf is need with a fixed set of answers.
func (r *reader) oneOf(s scalar, name string, valid ...string) string {
	v := r.need(s, name)
	if v != "" && !slices.Contains(valid, v) {
		r.errorf(s.line, "%s is %q; this build reads %s", name, v, strings.Join(valid, " or "))
	}
	return v
}

// refuse reports valid OpenSLO that is not evaluated here.
func (r *reader) refuse(n *node, name, instead string) {
	if n != nil {
		r.errorf(n.line, "%s is valid OpenSLO but not evaluated here; %s", name, instead)
	}
}

func (r *reader) objective(d *document) slo.Objective {
	r.oneOf(d.APIVersion, "apiVersion", "openslo/v1")
	r.oneOf(d.Kind, "kind", "SLO")
	o := slo.Objective{Gate: slo.DefaultGate}
	o.Name = r.name(d.Metadata.Name, "metadata.name")
	if o.Title = d.Metadata.DisplayName.value; o.Title == "" {
		o.Title = o.Name
	}
	r.annotations(d.Metadata.Annotations, annotOwner, annotRunbook, annotMinBad, annotConfidence)
	o.Owner = d.Metadata.Annotations[annotOwner].value
	o.Runbook = d.Metadata.Annotations[annotRunbook].value
	if s, ok := d.Metadata.Annotations[annotMinBad]; ok {
		n, err := strconv.ParseInt(s.value, 10, 64)
		if err != nil || n < 1 {
			r.errorf(s.line, "%s is %q; it is a whole number from 1 on", annotMinBad, s.value)
		}
		o.Gate.MinBad = n
	}
	if s, ok := d.Metadata.Annotations[annotConfidence]; ok {
		o.Gate.Confidence = r.between(s, annotConfidence, 0.5, 1, "it lies between 0.5 and 1, both excluded")
	}

	s := &d.Spec
	o.Description = s.Description.value
	if len(o.Description) > 1050 {
		r.errorf(s.Description.line, "spec.description has %d characters; OpenSLO allows 1050", len(o.Description))
	}
	o.Service = r.need(s.Service, "spec.service")
	r.refuse(s.IndicatorRef, "spec.indicatorRef", "write the indicator inline")
	o.Indicator = r.indicator(s.Indicator)
	r.oneOf(s.BudgetingMethod, "spec.budgetingMethod", "Occurrences")
	o.Window = r.window(s.TimeWindow)
	o.Target = r.target(s.Objectives)
	for i := range s.AlertPolicies {
		p := r.policy(&s.AlertPolicies[i], o.Window)
		if slices.ContainsFunc(o.Policies, func(q slo.Policy) bool { return q.Name == p.Name }) {
			r.errorf(s.AlertPolicies[i].Metadata.Name.line, "alert policy %q is declared twice", p.Name)
		}
		o.Policies = append(o.Policies, p)
	}
	return o
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func (r *reader) name(s scalar, what string) string {
	v := r.need(s, what)
	if v != "" && !dnsLabel.MatchString(v) {
		r.errorf(s.line, "%s is %q; a name is up to 63 lower-case letters, digits and hyphens", what, v)
	}
	return v
}

func (r *reader) annotations(given map[string]scalar, valid ...string) {
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if strings.HasPrefix(key, prefix) && !slices.Contains(valid, key) {
			r.errorf(given[key].line, "unknown annotation %q; known here are %s", key, strings.Join(valid, ", "))
		}
	}
}

func (r *reader) indicator(in *indicator) (i slo.Indicator) {
	if in == nil {
		r.errorf(0, "spec.indicator is required")
		return i
	}
	r.name(in.Metadata.Name, "spec.indicator.metadata.name")
	r.refuse(in.Spec.ThresholdMetric, "thresholdMetric", "use ratioMetric with good and total")
	m := in.Spec.RatioMetric
	if m == nil {
		if in.Spec.ThresholdMetric == nil {
			r.errorf(0, "spec.indicator.spec.ratioMetric is required")
		}
		return i
	}
	if m.Counter.value != "" {
		r.oneOf(m.Counter, "ratioMetric.counter", "false")
	}
	r.refuse(m.Bad, "ratioMetric.bad", "give good and total")
	r.refuse(m.Raw, "ratioMetric.raw", "give good and total")
	r.refuse(m.RawType, "ratioMetric.rawType", "give good and total")
	if m.Good == nil || m.Total == nil {
		r.errorf(m.Counter.line, "ratioMetric needs good and total")
		return i
	}
	good, total := &m.Good.MetricSource, &m.Total.MetricSource
	for _, s := range []*metricSource{good, total} {
		r.refuse(s.MetricSourceRef, "metricSourceRef", "write type: stocktrace")
		r.oneOf(s.Type, "metricSource.type", "stocktrace")
	}
	i.Workflow = r.same(good.Spec.Workflow, total.Spec.Workflow, "workflow")
	system, step, ok := strings.Cut(r.same(good.Spec.Step, total.Spec.Step, "step"), " ")
	if i.Step = (inventory.StepRef{System: system, Step: step}); !ok {
		r.errorf(total.Spec.Step.line, `step is system and step, such as "erp posted"`)
	}
	if good.Spec.Posting.value != "" || total.Spec.Posting.value != "" {
		i.Posting = inventory.Posting(r.same(good.Spec.Posting, total.Spec.Posting, "posting"))
		r.oneOf(total.Spec.Posting, "posting", string(inventory.PostingRealtime), string(inventory.PostingBatch), string(inventory.PostingStoreDay))
	}
	i.Within = r.duration(good.Spec.Within, "good.within")
	if total.Spec.Within.value != "" {
		r.errorf(total.Spec.Within.line, "within belongs to good: the total has no limit")
	}
	for _, by := range good.Spec.By {
		r.errorf(by.line, "by belongs to total")
	}
	for _, by := range total.Spec.By {
		r.oneOf(by, "by", string(slo.ByRegion), string(slo.ByLocation))
		if slices.Contains(i.By, slo.Dimension(by.value)) {
			r.errorf(by.line, "by names %s twice", by.value)
		}
		i.By = append(i.By, slo.Dimension(by.value))
	}
	return i
}

// same needs one field of good and total to agree: good ones are among all.
func (r *reader) same(good, total scalar, name string) string {
	g, t := r.need(good, "good."+name), r.need(total, "total."+name)
	if g != "" && t != "" && g != t {
		r.errorf(total.line, "total has %s %q and good has %q (line %d); good ones must be among all", name, t, g, good.line)
	}
	return t
}

func (r *reader) window(windows []timeWindow) time.Duration {
	if len(windows) != 1 {
		r.errorf(0, "spec.timeWindow needs exactly one window, it has %d", len(windows))
		return 0
	}
	w := windows[0]
	r.refuse(w.Calendar, "a calendar window", "use isRolling: true")
	r.oneOf(w.IsRolling, "timeWindow.isRolling", "true")
	return r.duration(w.Duration, "timeWindow.duration")
}

func (r *reader) target(objectives []objective) float64 {
	if len(objectives) != 1 {
		r.errorf(0, "spec.objectives needs exactly one objective, it has %d", len(objectives))
		return 0
	}
	o := objectives[0]
	r.refuse(o.Op, "op", "a ratio needs none")
	r.refuse(o.Value, "value", "a ratio needs none")
	r.refuse(o.TimeSliceTarget, "timeSliceTarget", "use Occurrences")
	r.refuse(o.TimeSliceWindow, "timeSliceWindow", "use Occurrences")
	r.refuse(o.Indicator, "a composite objective", "write one indicator under spec")
	r.refuse(o.IndicatorRef, "a composite objective", "write one indicator under spec")
	r.refuse(o.CompositeWeight, "a composite objective", "write one indicator under spec")
	switch {
	case o.Target.value != "" && o.TargetPercent.value != "":
		r.errorf(o.TargetPercent.line, "target and targetPercent exclude each other")
	case o.TargetPercent.value != "":
		return r.between(o.TargetPercent, "targetPercent", 0, 100, "it lies between 0 and 100, both excluded: without a budget there is nothing to spend") / 100
	case r.need(o.Target, "objectives[0].target") != "":
		return r.between(o.Target, "target", 0, 1, "it lies between 0 and 1, both excluded: without a budget there is nothing to spend")
	}
	return 0
}

func (r *reader) policy(p *alertPolicy, window time.Duration) (policy slo.Policy) {
	if p.AlertPolicyRef != nil {
		r.refuse(p.AlertPolicyRef, "alertPolicyRef", "write the policy inline")
		return policy
	}
	r.oneOf(p.Kind, "alertPolicies.kind", "AlertPolicy")
	policy.Name = r.name(p.Metadata.Name, "alertPolicies.metadata.name")
	r.annotations(p.Metadata.Annotations)
	if s := p.Spec.AlertWhenNoData; s.value != "" {
		r.oneOf(s, "alertWhenNoData", "false") // silence is a finding of its own: source_silent
	}
	// An incident that is over says so, always.
	if s := p.Spec.AlertWhenBreaching; s.value != "" {
		r.oneOf(s, "alertWhenBreaching", "true")
	}
	if s := p.Spec.AlertWhenResolved; s.value != "" {
		r.oneOf(s, "alertWhenResolved", "true")
	}
	if len(p.Spec.NotificationTargets) == 0 {
		r.errorf(0, "alert policy %q needs a notificationTarget: %s", policy.Name, onCall)
	}
	for _, t := range p.Spec.NotificationTargets {
		r.refuse(t.Spec, "an inline notification target", "use targetRef: "+onCall)
		if t.Spec == nil {
			r.oneOf(t.TargetRef, "notificationTargets.targetRef", onCall)
		}
	}
	if len(p.Spec.Conditions) != 1 {
		r.errorf(0, "alert policy %q needs exactly one condition, it has %d", policy.Name, len(p.Spec.Conditions))
		return policy
	}
	c := &p.Spec.Conditions[0]
	if c.ConditionRef != nil {
		r.refuse(c.ConditionRef, "conditionRef", "write the condition inline")
		return policy
	}
	r.oneOf(c.Kind, "conditions.kind", "AlertCondition")
	r.name(c.Metadata.Name, "conditions.metadata.name")
	r.annotations(c.Metadata.Annotations, annotShortWindow)
	policy.Severity = slo.Severity(r.oneOf(c.Spec.Severity, "severity", string(slo.Page), string(slo.Ticket)))
	b := &c.Spec.Condition
	r.oneOf(b.Kind, "condition.kind", "burnrate")
	r.oneOf(b.Op, "condition.op", "gte")
	r.refuse(b.AlertAfter, "alertAfter", "the short window does its work")
	if r.need(b.Threshold, "condition.threshold") != "" {
		policy.Threshold = r.between(b.Threshold, "threshold", 0, math.Inf(1), "a burn rate is above 0")
	}
	policy.Long = r.duration(b.LookbackWindow, "lookbackWindow")
	policy.Short = policy.Long / 12
	line := b.LookbackWindow.line
	if s, ok := c.Metadata.Annotations[annotShortWindow]; ok {
		policy.Short, line = r.duration(s, annotShortWindow), s.line
	}
	if policy.Long > 0 && window > 0 && (policy.Short >= policy.Long || policy.Long > window) {
		r.errorf(line, "windows of alert policy %q must grow: short %v, long %v, objective %v", policy.Name, policy.Short, policy.Long, window)
	}
	return policy
}

// between reads a number above low and below high.
func (r *reader) between(s scalar, name string, low, high float64, rule string) float64 {
	f, err := strconv.ParseFloat(s.value, 64)
	switch {
	case err != nil || math.IsNaN(f):
		r.errorf(s.line, "%s is %q, not a number", name, s.value)
	case f <= low || f >= high:
		r.errorf(s.line, "%s is %s; %s", name, s.value, rule)
	}
	return f
}

var duration = regexp.MustCompile(`^([1-9][0-9]{0,4})([mhdwMQY])$`)

// duration reads OpenSLO's shorthand. Months, quarters and years are refused:
// they have no fixed length, and a rolling window needs one.
func (r *reader) duration(s scalar, name string) time.Duration {
	v := r.need(s, name)
	if v == "" {
		return 0
	}
	m := duration.FindStringSubmatch(v)
	units := map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	if m == nil || units[m[2]] == 0 {
		r.errorf(s.line, "%s is %q; a duration is a whole number and m, h, d or w, such as 28d", name, v)
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // at most five digits
	return time.Duration(n) * units[m[2]]
}
