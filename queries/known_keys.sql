SELECT key_hash FROM bindings WHERE partition = {partition:UInt16}
