// Package slo says how well a promise is kept: attainment, budget, burn, and
// whether to wake somebody. Numbers in, numbers out; now is an argument. Only
// [Evaluator] does I/O, through the [Source] it is given.
//
// What counts. A lifecycle counts at the moment its promise is over, by
// occurred time: a sale of 10:00 promised within 5 minutes belongs to 10:05,
// however late we hear of it. Nothing is accumulated: every evaluation counts
// the stored lifecycles again, so a verdict that is corrected restates the
// windows it belongs to by itself.
//
//	good     the step happened within the promised time
//	bad      it did not, and the evidence says so
//	unknown  it is over, and nobody can say yet: the hop's evidence does not reach
//	         that far, or the engine has not judged it. Outside the ratio, shown apart
//	pending  not over yet
package slo
