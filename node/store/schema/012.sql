-- SPDX-License-Identifier: Apache-2.0
-- What each image URL led to when a node last asked its source, so that the others need not ask as well and
-- copy the file from a node that has it; and which node is asking now, as one at a time does. The two
-- validators are a stranger's bytes.
CREATE TABLE image_sources (
  url_hash      CHAR(64)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  blob_uuid     CHAR(36)        NOT NULL DEFAULT '',
  etag          VARBINARY(1024) NOT NULL DEFAULT '',
  last_modified VARBINARY(1024) NOT NULL DEFAULT '',
  checked_at    DOUBLE          NOT NULL DEFAULT 0,
  asked_by      VARCHAR(63)     NOT NULL DEFAULT '',
  KEY by_asker (asked_by)
);
