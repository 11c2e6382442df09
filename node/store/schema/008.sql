-- SPDX-License-Identifier: Apache-2.0
-- Blobs that are kept exactly as they were given, whose files lie in storage/blobs, and not in the image
-- cache, where every node has made a qcow2 of its own from what it fetched.
ALTER TABLE blobs
  ADD COLUMN stored BOOLEAN NOT NULL DEFAULT FALSE;

-- The digest of that node's own file; empty until somebody has computed it. Of a stored blob it is the blob's.
ALTER TABLE blob_locations
  ADD COLUMN file_sha256 CHAR(64) NOT NULL DEFAULT '';

-- Uploads under way. The bytes are on `node`, and no row says how many: its disk does.
CREATE TABLE uploads (
  uuid       CHAR(36)    NOT NULL PRIMARY KEY,
  namespace  VARCHAR(63) NOT NULL,
  node       VARCHAR(63) NOT NULL,
  created_at DOUBLE      NOT NULL,
  KEY by_namespace (namespace),
  KEY by_node (node)
);
