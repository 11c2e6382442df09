// SPDX-License-Identifier: Apache-2.0

// Hosts members of HashiCorp's memberlist or serf for tests/bench/gossip.py, which says on standard
// input what they shall do; README.md tells how. What the members see goes to standard output, each
// event stamped here, where it happens.
package main

import (
	"bufio"
	"encoding/base64"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
	"golang.org/x/sys/unix"
)

type member interface {
	join(seed string) error
	broadcast(id string, size int) error
	stop()
}

type command struct {
	tag, verb string
	index     int
	arguments []string
}

var lines = make(chan string, 1<<16)

func main() {
	isSerf := flag.Bool("serf", false, "serf, not memberlist")
	isTuned := flag.Bool("tuned", false, "with the periods of our gossip/config.h")
	key := flag.String("key", "", "32 bytes in base64: what members say is encrypted")
	flag.Parse()
	secret, err := base64.StdEncoding.DecodeString(*key)
	if err != nil {
		log.Fatal(err)
	}
	start := startMemberlist
	if *isSerf {
		start = startSerf
	}
	go write()
	members := map[int]member{}
	for scanner := bufio.NewScanner(os.Stdin); scanner.Scan(); {
		c, err := parse(scanner.Text())
		switch {
		case err != nil:
			reply(c.tag, err)
		case c.verb == "QUIT":
			return
		case c.verb == "START" && len(c.arguments) == 3:
			config := configure(c.arguments, secret, *isTuned)
			if members[c.index], err = start(c.index, config); err != nil {
				delete(members, c.index)
			}
			reply(c.tag, err)
		case members[c.index] == nil:
			reply(c.tag, fmt.Errorf("there is no member %d", c.index))
		default:
			go func(m member) { reply(c.tag, obey(m, c)) }(members[c.index])
		}
	}
}

func parse(line string) (c command, err error) {
	words := strings.Fields(line)
	if len(words) < 2 {
		return c, fmt.Errorf("not a command: %q", line)
	}
	c.tag, c.verb = words[0], words[1]
	if len(words) > 2 {
		c.arguments = words[3:]
		c.index, err = strconv.Atoi(words[2])
	}
	return c, err
}

func obey(m member, c command) error {
	switch {
	case c.verb == "JOIN" && len(c.arguments) == 1:
		return m.join(c.arguments[0])
	case c.verb == "BCAST" && len(c.arguments) == 2:
		size, err := strconv.Atoi(c.arguments[1])
		if err != nil {
			return err
		}
		return m.broadcast(c.arguments[0], size)
	case c.verb == "KILL":
		m.stop()
		return nil
	}
	return fmt.Errorf("cannot %s %v", c.verb, c.arguments)
}

// configure makes what every member begins with: the defaults for a LAN, or our own periods.
func configure(arguments []string, secret []byte, isTuned bool) *memberlist.Config {
	port, _ := strconv.Atoi(arguments[2])
	config := memberlist.DefaultLANConfig()
	config.Name, config.BindAddr = arguments[0], arguments[1]
	config.BindPort, config.AdvertisePort = port, port
	config.SecretKey = secret
	config.Logger = log.New(&discarded{}, "", 0)
	if isTuned {
		// As near as its settings come: silence is noticed as soon, suspicion lasts about as long,
		// and news leaves every 20 ms, where ours leaves at once.
		config.ProbeTimeout = 200 * time.Millisecond
		config.SuspicionMult = 2
		config.SuspicionMaxTimeoutMult = 2
		config.GossipInterval = 20 * time.Millisecond
		config.GossipNodes = 4
	}
	return config
}

// What a log line cost is part of what a member costs; where it goes is not.
type discarded struct{}

func (*discarded) Write(line []byte) (int, error) { return len(line), nil }

// transport is the usual one, but its connections come from the member's own address, so that loss
// can be made for one member alone.
type transport struct {
	*memberlist.NetTransport
	address net.IP
}

func newTransport(config *memberlist.Config) (memberlist.Transport, error) {
	usual, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs: []string{config.BindAddr}, BindPort: config.BindPort, Logger: config.Logger})
	if err != nil {
		return nil, err
	}
	return &transport{usual, net.ParseIP(config.BindAddr)}, nil
}

func (t *transport) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	dialer := net.Dialer{Timeout: timeout, LocalAddr: &net.TCPAddr{IP: t.address}}
	return dialer.Dial("tcp", to.Addr)
}

func tell(observer int, kind byte, what string) {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	lines <- fmt.Sprintf("E %d %d %c %s\n", now.Nano(), observer, kind, what)
}

func reply(tag string, err error) {
	if err != nil {
		lines <- fmt.Sprintf("R %s ERR %v\n", tag, err)
		return
	}
	lines <- fmt.Sprintf("R %s OK pid=%d\n", tag, os.Getpid())
}

func write() {
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	for line := range lines {
		out.WriteString(line)
		if len(lines) == 0 {
			out.Flush()
		}
	}
}
