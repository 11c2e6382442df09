-- SPDX-License-Identifier: Apache-2.0
-- Snapshots under way, and those that failed lately; one that is done is a version of its artifact, and has no
-- row here. The UUID of its blob is given away before there is one.
CREATE TABLE snapshots (
  blob_uuid     CHAR(36)    NOT NULL PRIMARY KEY,
  artifact_uuid CHAR(36)    NOT NULL,
  instance_uuid CHAR(36)    NOT NULL,
  node          VARCHAR(63) NOT NULL,
  device        VARCHAR(16) NOT NULL,
  state         VARCHAR(16) NOT NULL,
  error_message TEXT        NOT NULL,
  bytes         BIGINT      NOT NULL DEFAULT 0,
  total_bytes   BIGINT      NOT NULL DEFAULT 0,
  created_at    DOUBLE      NOT NULL,
  KEY by_instance (instance_uuid),
  KEY by_node (node, state)
);
