// A yamux peer made of hashicorp/yamux, for tests/channel/yamux-go.test.ts. It listens on a free port, prints it, takes one connection in the
// role it is given, and does on each stream what the stream's first line says.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

func main() {
	role := flag.String("role", "server", "client or server")
	backlog := flag.Int("backlog", 256, "streams that wait to be accepted")
	accept := flag.Bool("accept", true, "accept streams")
	window := flag.Uint("window", 262144, "window of each stream")
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	conn, err := listener.Accept()
	check(err)
	config := yamux.DefaultConfig()
	config.AcceptBacklog = *backlog
	config.MaxStreamWindowSize = uint32(*window)
	config.EnableKeepAlive = false
	var session *yamux.Session
	if *role == "client" {
		session, err = yamux.Client(conn, config)
	} else {
		session, err = yamux.Server(conn, config)
	}
	check(err)
	for *accept {
		stream, err := session.AcceptStream()
		if err != nil {
			fmt.Println("over:", err)
			return
		}
		go serve(session, stream)
	}
	<-session.CloseChan()
	fmt.Println("over: closed")
}

func serve(session *yamux.Session, stream *yamux.Stream) {
	reader := bufio.NewReader(stream)
	line, err := reader.ReadString('\n')
	if err != nil {
		return
	}
	words := strings.Fields(line)
	switch words[0] {
	case "echo": // all that comes, then the half-close
		io.Copy(stream, reader)
		stream.Close()
	case "count": // says how much came, once the other side has half-closed
		n, _ := io.Copy(io.Discard, reader)
		fmt.Fprintf(stream, "%d", n)
		stream.Close()
	case "source": // sends so many bytes
		n, _ := strconv.Atoi(words[1])
		_, err := stream.Write(make([]byte, n))
		if err == nil {
			stream.Close()
		}
	case "stuck": // reads nothing more
		select {}
	case "read": // tells on standard output how the stream ends
		_, err := io.Copy(io.Discard, reader)
		fmt.Println("read:", err)
	case "ping":
		_, err := session.Ping()
		fmt.Fprint(stream, err)
		stream.Close()
	case "streams":
		fmt.Fprint(stream, session.NumStreams())
		stream.Close()
	case "goaway":
		fmt.Fprint(stream, session.GoAway())
		stream.Close()
	case "open": // opens streams of its own, and wants the same bytes back on each
		count, _ := strconv.Atoi(words[1])
		size, _ := strconv.Atoi(words[2])
		fmt.Fprint(stream, openMany(session, count, size))
		stream.Close()
	case "close":
		session.Close()
	}
}

func openMany(session *yamux.Session, count int, size int) error {
	var group sync.WaitGroup
	failures := make(chan error, count)
	for i := 0; i < count; i++ {
		group.Add(1)
		go func(seed int64) {
			defer group.Done()
			if err := roundTrip(session, seed, size); err != nil {
				failures <- err
			}
		}(int64(i))
	}
	group.Wait()
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}

func roundTrip(session *yamux.Session, seed int64, size int) error {
	stream, err := session.OpenStream()
	if err != nil {
		return err
	}
	defer stream.Close()
	stream.SetDeadline(time.Now().Add(30 * time.Second))
	sent := make([]byte, size)
	rand.New(rand.NewSource(seed)).Read(sent)
	go stream.Write(sent)
	got := make([]byte, size)
	if _, err := io.ReadFull(stream, got); err != nil {
		return err
	}
	a, b := sha256.Sum256(sent), sha256.Sum256(got)
	if !bytes.Equal(a[:], b[:]) {
		return fmt.Errorf("other bytes came back")
	}
	return nil
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
