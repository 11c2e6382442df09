-- SPDX-License-Identifier: Apache-2.0
-- Where a node gossips, so that one that starts knows whom to ask; and the fingerprint of the key ring
-- that it uses, so that a rotation waits for everybody.
ALTER TABLE nodes
  ADD COLUMN gossip_port INT         NOT NULL DEFAULT 13002,
  ADD COLUMN key_ring    VARCHAR(64) NOT NULL DEFAULT '';
