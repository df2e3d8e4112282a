package chdb

import (
	"fmt"
	"os"
	"path/filepath"
)

// configName is the engine's configuration file in the data directory. It is
// written anew by each Open.
const configName = "stocktrace-engine.xml"

// configText is the configuration. Its merge_tree settings make what an insert
// acknowledged survive a power cut, in every table whose own settings do not say
// otherwise: by itself the engine neither syncs merges nor keeps the parts they
// replaced, so that a cut soon after a merge loses rows long acknowledged.
//
// merge_selector_base says how many parts of one size become a part of the next:
// ten instead of five, because a merge costs a row twice what its insert did, and
// a statement hardly notices some more small parts.
//
// BACKUP may write anywhere because file() may do so without being asked: access
// to the engine is access to the files of the process.
const configText = `<clickhouse>
    <merge_tree>
        <fsync_after_insert>1</fsync_after_insert>
        <fsync_part_directory>1</fsync_part_directory>
        <min_rows_to_fsync_after_merge>1</min_rows_to_fsync_after_merge>
        <min_compressed_bytes_to_fsync_after_merge>1</min_compressed_bytes_to_fsync_after_merge>
        <old_parts_lifetime>3600</old_parts_lifetime>
        <merge_selector_base>10</merge_selector_base>
    </merge_tree>
    <backups>
        <allowed_path>/</allowed_path>
    </backups>
    <max_server_memory_usage>%d</max_server_memory_usage>
</clickhouse>
`

// writeConfig writes the configuration file and answers with its path. To name
// one at all keeps the engine from reading a config.xml that happens to lie in
// the working directory, in the home directory or in /etc.
func writeConfig(o Options) (string, error) {
	path := filepath.Join(o.Path, configName)
	if err := os.WriteFile(path, fmt.Appendf(nil, configText, o.MaxMemory), 0o600); err != nil {
		return "", fmt.Errorf("write the configuration of the embedded ClickHouse engine: %w", err)
	}
	return path, nil
}
