-- SPDX-License-Identifier: Apache-2.0
-- Virtual networks, the interfaces of instances in them, and who has which address. VNI 0 is the
-- built-in network of floating addresses, which has no mesh.
CREATE TABLE networks (
  uuid             CHAR(36)     NOT NULL PRIMARY KEY,
  name             VARCHAR(255) NOT NULL,
  namespace        VARCHAR(63)  NOT NULL,
  netblock         VARCHAR(18)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  provide_dhcp     BOOLEAN      NOT NULL,
  provide_nat      BOOLEAN      NOT NULL,
  provide_dns      BOOLEAN      NOT NULL,
  -- Its own address among the floating ones, which its guests' traffic leaves by; empty without NAT.
  floating_gateway VARCHAR(15)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  -- Kept until the row is forgotten: by then no node has the old mesh any more.
  vni              INT          NOT NULL,
  state            VARCHAR(16)  NOT NULL,
  metadata         LONGTEXT     NOT NULL,
  created_at       DOUBLE       NOT NULL,
  updated_at       DOUBLE       NOT NULL,
  version          BIGINT       NOT NULL DEFAULT 1,
  UNIQUE KEY one_per_vni (vni),
  KEY by_name (namespace, name),
  KEY by_state (state, updated_at)
);

-- `live` is 1 until the interface is deleted and then NULL: no two live ones of a network share a
-- MAC address. ipv4 and floating are empty where there is none; who may have an address is decided
-- by `addresses`, and both change in one transaction.
CREATE TABLE interfaces (
  uuid          CHAR(36)    NOT NULL PRIMARY KEY,
  network_uuid  CHAR(36)    NOT NULL,
  instance_uuid CHAR(36)    NOT NULL,
  position      INT         NOT NULL,
  mac           CHAR(17)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  ipv4          VARCHAR(15) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  floating      VARCHAR(15) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  model         VARCHAR(16) NOT NULL,
  live          BOOLEAN     NULL DEFAULT TRUE,
  state         VARCHAR(16) NOT NULL,
  metadata      LONGTEXT    NOT NULL,
  updated_at    DOUBLE      NOT NULL,
  version       BIGINT      NOT NULL DEFAULT 1,
  UNIQUE KEY one_per_mac (network_uuid, mac, live),
  KEY by_instance (instance_uuid, position)
);

-- An address that somebody has: an interface, or, among the floating ones, a network's gateway. As a
-- number, so that a free one can be found.
CREATE TABLE addresses (
  network_uuid CHAR(36) NOT NULL,
  address      BIGINT   NOT NULL,
  owner_uuid   CHAR(36) NOT NULL,
  PRIMARY KEY (network_uuid, address),
  KEY by_owner (owner_uuid)
);
