-- SPDX-License-Identifier: Apache-2.0
-- The durable truth: what should exist, and where. UNIQUE keys are the referee wherever two nodes could
-- take the same thing. Times are seconds since the epoch by this server's clock, so that no node's
-- clock matters. `version` grows with each change of a row: an UPDATE that changes nothing counts no
-- row, and compare-and-set relies on that count.
--
-- Free text is compared byte by byte: 'Web' and 'web' are two names. Said once for all tables to come.
ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Settings that all nodes share: the cluster's id, the secret that signs tokens.
CREATE TABLE cluster (
  name  VARCHAR(64)  NOT NULL PRIMARY KEY,
  value VARCHAR(255) NOT NULL
);

CREATE TABLE nodes (
  name            VARCHAR(63)  NOT NULL PRIMARY KEY,
  ip              VARCHAR(45)  NOT NULL,
  fqdn            VARCHAR(255) NOT NULL,
  zone            VARCHAR(63)  NOT NULL,
  software        VARCHAR(32)  NOT NULL,
  state           VARCHAR(16)  NOT NULL,
  heartbeat       DOUBLE       NOT NULL,
  -- What instances may take in all: overcommit and reserves are already in these.
  cpu_limit       BIGINT       NOT NULL,
  memory_limit_mb BIGINT       NOT NULL,
  disk_limit_gb   BIGINT       NOT NULL
);

CREATE TABLE namespaces (
  name       VARCHAR(63) NOT NULL PRIMARY KEY,
  state      VARCHAR(16) NOT NULL,
  metadata   LONGTEXT    NOT NULL,
  updated_at DOUBLE      NOT NULL,
  version    BIGINT      NOT NULL DEFAULT 1
);

-- hash: libsodium's password hash of the key. nonce: part of every token made with it.
CREATE TABLE namespace_keys (
  namespace VARCHAR(63)  NOT NULL,
  name      VARCHAR(63)  NOT NULL,
  hash      VARCHAR(128) NOT NULL,
  nonce     CHAR(32)     NOT NULL,
  PRIMARY KEY (namespace, name)
);

-- cpus, memory_mb and disk_gb repeat what `spec` says, because capacity is summed up in SQL.
CREATE TABLE instances (
  uuid          CHAR(36)    NOT NULL PRIMARY KEY,
  name          VARCHAR(63) NOT NULL,
  namespace     VARCHAR(63) NOT NULL,
  node          VARCHAR(63) NOT NULL,
  state         VARCHAR(16) NOT NULL,
  error_message TEXT        NOT NULL,
  power_wanted  BOOLEAN     NOT NULL DEFAULT TRUE,
  power_state   VARCHAR(24) NOT NULL,
  cpus          BIGINT      NOT NULL,
  memory_mb     BIGINT      NOT NULL,
  disk_gb       BIGINT      NOT NULL,
  spec          LONGTEXT    NOT NULL,
  metadata      LONGTEXT    NOT NULL,
  created_at    DOUBLE      NOT NULL,
  updated_at    DOUBLE      NOT NULL,
  version       BIGINT      NOT NULL DEFAULT 1,
  KEY by_node (node, state),
  KEY by_name (namespace, name),
  KEY by_state (state, updated_at)
);

CREATE TABLE instance_disks (
  instance_uuid CHAR(36)    NOT NULL,
  position      INT         NOT NULL,
  device        VARCHAR(16) NOT NULL,
  bus           VARCHAR(16) NOT NULL,
  type          VARCHAR(16) NOT NULL,
  size_gb       BIGINT      NOT NULL,
  url           VARCHAR(2100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  artifact_uuid CHAR(36)    NOT NULL,
  blob_uuid     CHAR(36)    NOT NULL,
  PRIMARY KEY (instance_uuid, position),
  KEY by_blob (blob_uuid),
  KEY by_artifact (artifact_uuid)
);

-- A TCP port of a node that an instance's console or screen listens on.
CREATE TABLE ports (
  node          VARCHAR(63) NOT NULL,
  port          INT         NOT NULL,
  instance_uuid CHAR(36)    NOT NULL,
  purpose       VARCHAR(16) NOT NULL,
  PRIMARY KEY (node, port),
  UNIQUE KEY one_per_purpose (instance_uuid, purpose)
);

-- `live` is 1 until the artifact is deleted and then NULL, which a UNIQUE key ignores: one live
-- artifact per URL and namespace, and any number of deleted ones that still answer to their UUID.
CREATE TABLE artifacts (
  uuid          CHAR(36)      NOT NULL PRIMARY KEY,
  namespace     VARCHAR(63)   NOT NULL,
  type          VARCHAR(16)   NOT NULL,
  source_url    VARCHAR(2100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  url_hash      CHAR(64)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  live          BOOLEAN       NULL DEFAULT TRUE,
  state         VARCHAR(16)   NOT NULL,
  error_message TEXT          NOT NULL,
  shared        BOOLEAN       NOT NULL,
  max_versions  INT           NOT NULL,
  last_index    BIGINT        NOT NULL DEFAULT 0,
  fetched_bytes BIGINT        NOT NULL DEFAULT 0,
  total_bytes   BIGINT        NOT NULL DEFAULT 0,
  -- Who asked for it to be fetched, when it is not for an instance; empty when nobody does.
  fetch_node    VARCHAR(63)   NOT NULL DEFAULT '',
  metadata      LONGTEXT      NOT NULL,
  created_at    DOUBLE        NOT NULL,
  updated_at    DOUBLE        NOT NULL,
  version       BIGINT        NOT NULL DEFAULT 1,
  UNIQUE KEY one_per_url (namespace, type, url_hash, live),
  KEY by_url (url_hash, live),
  KEY by_fetch_node (fetch_node),
  KEY by_state (state, updated_at)
);

CREATE TABLE artifact_versions (
  artifact_uuid CHAR(36) NOT NULL,
  version_index BIGINT   NOT NULL,
  blob_uuid     CHAR(36) NOT NULL,
  PRIMARY KEY (artifact_uuid, version_index),
  KEY by_blob (blob_uuid)
);

CREATE TABLE blobs (
  uuid          CHAR(36)    NOT NULL PRIMARY KEY,
  sha256        CHAR(64)    NOT NULL,
  sha512        CHAR(128)   NOT NULL,
  size          BIGINT      NOT NULL,
  fetched_size  BIGINT      NOT NULL,
  virtual_size  BIGINT      NOT NULL,
  source_format VARCHAR(16) NOT NULL,
  fetched_at    DOUBLE      NOT NULL,
  last_used     DOUBLE      NOT NULL,
  UNIQUE KEY one_per_digest (sha256),
  KEY by_sha512 (sha512)
);

CREATE TABLE events (
  id          BIGINT      NOT NULL AUTO_INCREMENT PRIMARY KEY,
  object_type VARCHAR(16) NOT NULL,
  object      VARCHAR(63) NOT NULL,
  timestamp   DOUBLE      NOT NULL,
  type        VARCHAR(16) NOT NULL,
  node        VARCHAR(63) NOT NULL,
  duration    DOUBLE      NULL,
  message     TEXT        NOT NULL,
  extra       LONGTEXT    NOT NULL,
  KEY by_object (object_type, object, id),
  KEY by_time (timestamp)
);

INSERT INTO namespaces (name, state, metadata, updated_at)
  VALUES ('system', 'created', '{}', UNIX_TIMESTAMP(NOW(6)));
