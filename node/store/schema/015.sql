-- SPDX-License-Identifier: Apache-2.0
-- What is asked of the agents inside instances, in the order in which it is done; and what a node last knew of
-- the agent itself. A time of 0 is not known.
ALTER TABLE instances
  ADD COLUMN agent_state      VARCHAR(63) NOT NULL DEFAULT 'not ready (no contact)',
  ADD COLUMN agent_start_time DOUBLE      NOT NULL DEFAULT 0,
  ADD COLUMN agent_boot_time  DOUBLE      NOT NULL DEFAULT 0;

CREATE TABLE agent_operations (
  position      BIGINT      NOT NULL AUTO_INCREMENT PRIMARY KEY,
  uuid          CHAR(36)    NOT NULL,
  namespace     VARCHAR(63) NOT NULL,
  instance_uuid CHAR(36)    NOT NULL,
  state         VARCHAR(16) NOT NULL,
  commands      LONGTEXT    NOT NULL,
  results       LONGTEXT    NOT NULL,
  error_message TEXT        NOT NULL,
  created_at    DOUBLE      NOT NULL,
  updated_at    DOUBLE      NOT NULL,
  version       BIGINT      NOT NULL DEFAULT 1,
  UNIQUE KEY one_per_uuid (uuid),
  KEY by_instance (instance_uuid, state),
  KEY by_state (state, updated_at)
);

-- The blobs that an operation is to put, and those that are its results: kept while it is.
CREATE TABLE agent_operation_blobs (
  operation_uuid CHAR(36) NOT NULL,
  blob_uuid      CHAR(36) NOT NULL,
  PRIMARY KEY (operation_uuid, blob_uuid),
  KEY by_blob (blob_uuid)
);
