-- SPDX-License-Identifier: Apache-2.0
-- Nodes that copy the file of a stored blob just now, so that no other begins it as well.
CREATE TABLE blob_copies (
  blob_uuid CHAR(36)    NOT NULL,
  node      VARCHAR(63) NOT NULL,
  since     DOUBLE      NOT NULL,
  PRIMARY KEY (blob_uuid, node),
  KEY by_node (node)
);
