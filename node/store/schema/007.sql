-- SPDX-License-Identifier: Apache-2.0
-- Which node has the bytes of a blob, and how many: each node converts what it fetched by itself, so that two
-- nodes' files may differ in length. Every node writes its own rows, from what it finds on its disk.
CREATE TABLE blob_locations (
  blob_uuid CHAR(36)    NOT NULL,
  node      VARCHAR(63) NOT NULL,
  bytes     BIGINT      NOT NULL,
  PRIMARY KEY (blob_uuid, node),
  KEY by_node (node)
);

ALTER TABLE blobs
  ADD COLUMN metadata LONGTEXT NOT NULL DEFAULT ('{}'),
  ADD COLUMN version  BIGINT   NOT NULL DEFAULT 1;
