package objectives

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalar is a YAML scalar with the line it stands in.
type scalar struct {
	value string
	line  int
}

// UnmarshalYAML keeps the scalar's text as written and its line.
func (s *scalar) UnmarshalYAML(n *yaml.Node) error {
	var text string
	if err := n.Decode(&text); err != nil {
		return err
	}
	s.value, s.line = text, n.Line
	return nil
}

// node is any YAML of which only the presence and the line matter.
type node struct{ line int }

// UnmarshalYAML keeps the line.
func (a *node) UnmarshalYAML(n *yaml.Node) error {
	a.line = n.Line
	return nil
}

// The types below are OpenSLO v1 documents of kind SLO. Fields that are valid
// OpenSLO but nothing we evaluate are kept as node, so that they are refused by
// name and line instead of being called unknown.

type document struct {
	APIVersion scalar   `yaml:"apiVersion"`
	Kind       scalar   `yaml:"kind"`
	Metadata   metadata `yaml:"metadata"`
	Spec       spec     `yaml:"spec"`
}

type metadata struct {
	Name        scalar            `yaml:"name"`
	DisplayName scalar            `yaml:"displayName"`
	Labels      node              `yaml:"labels"`
	Annotations map[string]scalar `yaml:"annotations"`
}

type spec struct {
	Description     scalar        `yaml:"description"`
	Service         scalar        `yaml:"service"`
	Indicator       *indicator    `yaml:"indicator"`
	IndicatorRef    *node         `yaml:"indicatorRef"`
	BudgetingMethod scalar        `yaml:"budgetingMethod"`
	TimeWindow      []timeWindow  `yaml:"timeWindow"`
	Objectives      []objective   `yaml:"objectives"`
	AlertPolicies   []alertPolicy `yaml:"alertPolicies"`
}

type indicator struct {
	Metadata metadata      `yaml:"metadata"`
	Spec     indicatorSpec `yaml:"spec"`
}

type indicatorSpec struct {
	Description     scalar       `yaml:"description"`
	RatioMetric     *ratioMetric `yaml:"ratioMetric"`
	ThresholdMetric *node        `yaml:"thresholdMetric"`
}

type ratioMetric struct {
	Counter scalar  `yaml:"counter"`
	Good    *metric `yaml:"good"`
	Total   *metric `yaml:"total"`
	Bad     *node   `yaml:"bad"`
	Raw     *node   `yaml:"raw"`
	RawType *node   `yaml:"rawType"`
}

type metric struct {
	MetricSource metricSource `yaml:"metricSource"`
}

type metricSource struct {
	MetricSourceRef *node  `yaml:"metricSourceRef"`
	Type            scalar `yaml:"type"`
	Spec            query  `yaml:"spec"`
}

// query is our own metricSource of type stocktrace.
type query struct {
	Workflow scalar   `yaml:"workflow"`
	Step     scalar   `yaml:"step"`
	Posting  scalar   `yaml:"posting"`
	Within   scalar   `yaml:"within"`
	By       []scalar `yaml:"by"`
}

type timeWindow struct {
	Duration  scalar `yaml:"duration"`
	IsRolling scalar `yaml:"isRolling"`
	Calendar  *node  `yaml:"calendar"`
}

type objective struct {
	DisplayName     scalar `yaml:"displayName"`
	Target          scalar `yaml:"target"`
	TargetPercent   scalar `yaml:"targetPercent"`
	Op              *node  `yaml:"op"`
	Value           *node  `yaml:"value"`
	TimeSliceTarget *node  `yaml:"timeSliceTarget"`
	TimeSliceWindow *node  `yaml:"timeSliceWindow"`
	Indicator       *node  `yaml:"indicator"`
	IndicatorRef    *node  `yaml:"indicatorRef"`
	CompositeWeight *node  `yaml:"compositeWeight"`
}

type alertPolicy struct {
	AlertPolicyRef *node           `yaml:"alertPolicyRef"`
	Kind           scalar          `yaml:"kind"`
	Metadata       metadata        `yaml:"metadata"`
	Spec           alertPolicySpec `yaml:"spec"`
}

type alertPolicySpec struct {
	Description         scalar      `yaml:"description"`
	AlertWhenNoData     scalar      `yaml:"alertWhenNoData"`
	AlertWhenBreaching  scalar      `yaml:"alertWhenBreaching"`
	AlertWhenResolved   scalar      `yaml:"alertWhenResolved"`
	Conditions          []condition `yaml:"conditions"`
	NotificationTargets []target    `yaml:"notificationTargets"`
}

type condition struct {
	ConditionRef *node         `yaml:"conditionRef"`
	Kind         scalar        `yaml:"kind"`
	Metadata     metadata      `yaml:"metadata"`
	Spec         conditionSpec `yaml:"spec"`
}

type conditionSpec struct {
	Description scalar   `yaml:"description"`
	Severity    scalar   `yaml:"severity"`
	Condition   burnRate `yaml:"condition"`
}

type burnRate struct {
	Kind           scalar `yaml:"kind"`
	Op             scalar `yaml:"op"`
	Threshold      scalar `yaml:"threshold"`
	LookbackWindow scalar `yaml:"lookbackWindow"`
	AlertAfter     *node  `yaml:"alertAfter"`
}

type target struct {
	TargetRef scalar `yaml:"targetRef"`
	Kind      *node  `yaml:"kind"`
	Metadata  *node  `yaml:"metadata"`
	Spec      *node  `yaml:"spec"`
}

// known lists the YAML names of each type's fields, for the error about an
// unknown one.
var known = func() map[string][]string {
	names := map[string][]string{}
	for _, v := range []any{
		document{},
		metadata{},
		spec{},
		indicator{},
		indicatorSpec{},
		ratioMetric{},
		metric{},
		metricSource{},
		query{},
		timeWindow{},
		objective{},
		alertPolicy{},
		alertPolicySpec{},
		condition{},
		conditionSpec{},
		burnRate{},
		target{},
	} {
		t := reflect.TypeOf(v)
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
			names[t.Name()] = append(names[t.Name()], name)
		}
	}
	return names
}()
