// Package collector is the way in: it takes telemetry from senders and answers
// them only after it is on disk.
//
//	OTLP gRPC :4317 ─┐  an OpenTelemetry Collector, in process
//	OTLP HTTP :4318 ─┴▶ otlp ─▶ memory_limiter ─▶ canonical ─▶ jetstream ─┐
//	                    ▲                                                  │
//	                    └ stocktrace (extension): partial success, bounds  ├▶ Publisher
//	                                                                       │
//	POST /v1/… ──▶ Handler (CloudEvents, documents, webhooks) ─────────────┘
//
// Both ways share one rule: OK is said after [Publisher] returned nil for every
// event of the request, and never before. Whatever could not be stored is
// answered with an error the sender retries on; whatever could not be read is
// stored in the quarantine and the sender is told where it is wrong. So there
// is no queue and no batching in between: either would say OK too early.
//
// # The work of each component
//
//   - otlp, memory_limiter: upstream, unchanged.
//   - canonical (processor): drops spans and log records that do not speak of
//     inventory, counting them, and gives each record the contract's attributes
//     its resource or scope says for all of theirs. After it, every record
//     stands for itself, whatever processors of your own come next.
//   - jetstream (exporter): decodes each record once (package canonical), and
//     publishes the request as a whole. Decoding is here and not in the
//     processor because pdata cannot carry a decoded event: it would be done twice.
//   - stocktrace (extension): what the upstream receiver leaves open. It reports
//     rejected records as partial success, keeps requests that are not OTLP,
//     refuses values nested so deeply that decoding would exhaust the stack,
//     says when to retry, and checks the bearer token. A plain request it seals,
//     so that only the exporter decodes it (see sealed.go).
package collector
