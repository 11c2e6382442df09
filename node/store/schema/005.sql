-- SPDX-License-Identifier: Apache-2.0
-- Nodes have metadata, as all objects.
ALTER TABLE nodes
  ADD COLUMN metadata LONGTEXT NOT NULL DEFAULT ('{}'),
  ADD COLUMN version  BIGINT   NOT NULL DEFAULT 1;

-- The state in which an instance was when its node was lost, which put it in error, and to which it
-- goes back when the node does; empty for all others.
ALTER TABLE instances
  ADD COLUMN lost_from VARCHAR(16) NOT NULL DEFAULT '';
