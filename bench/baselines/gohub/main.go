// Gohub is a reference for the benchmarks: one room in the shape of gorilla's chat example. A hub goroutine owns the set
// of clients; each client has a reader, a writer and a bounded queue between hub and writer; the writer puts all that
// waits into one message, separated by newlines; a client whose queue is full is dropped.
//
//	gohub -addr 127.0.0.1:8080
package main

import (
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

const (
	maxMessage = 64 << 10
	queueSize  = 256
	writeWait  = 10 * time.Second
	pongWait   = 60 * time.Second
	pingPeriod = pongWait * 9 / 10
)

var newline = []byte{'\n'}

type client struct {
	conn  *websocket.Conn
	queue chan []byte
}

type hub struct {
	clients   map[*client]bool
	join      chan *client
	leave     chan *client
	broadcast chan []byte
}

func newHub() *hub {
	return &hub{
		clients:   make(map[*client]bool),
		join:      make(chan *client),
		leave:     make(chan *client),
		broadcast: make(chan []byte),
	}
}

func (h *hub) run() {
	for {
		select {
		case c := <-h.join:
			h.clients[c] = true
		case c := <-h.leave:
			h.drop(c)
		case message := <-h.broadcast:
			h.relay(message)
		}
	}
}

func (h *hub) relay(message []byte) {
	for c := range h.clients {
		select {
		case c.queue <- message:
		default:
			h.drop(c)
		}
	}
}

func (h *hub) drop(c *client) {
	if h.clients[c] {
		delete(h.clients, c)
		close(c.queue)
	}
}

func (c *client) read(h *hub) {
	defer func() {
		h.leave <- c
		c.conn.Close()
	}()
	c.conn.SetReadLimit(maxMessage)
	alive := func(string) error { return c.conn.SetReadDeadline(time.Now().Add(pongWait)) }
	c.conn.SetPongHandler(alive)
	if alive("") != nil {
		return
	}
	for {
		_, message, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		h.broadcast <- message
	}
}

func (c *client) write() {
	ping := time.NewTicker(pingPeriod)
	defer func() {
		ping.Stop()
		c.conn.Close()
	}()
	for {
		kind, message := websocket.PingMessage, []byte(nil)
		select {
		case m, ok := <-c.queue:
			kind, message = websocket.TextMessage, m
			if !ok {
				kind = websocket.CloseMessage
			}
		case <-ping.C:
		}
		if c.send(kind, message) != nil || kind == websocket.CloseMessage {
			return
		}
	}
}

// send writes one message; a text message takes along what waits in the queue.
func (c *client) send(kind int, message []byte) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	if kind != websocket.TextMessage {
		return c.conn.WriteMessage(kind, message)
	}
	w, err := c.conn.NextWriter(kind)
	if err != nil {
		return err
	}
	if _, err = w.Write(message); err != nil {
		return err
	}
	for waiting := len(c.queue); waiting > 0; waiting-- {
		if _, err = w.Write(newline); err != nil {
			return err
		}
		if _, err = w.Write(<-c.queue); err != nil {
			return err
		}
	}
	return w.Close()
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	h := newHub()
	go h.run()
	upgrader := websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}
	http.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		c := &client{conn: conn, queue: make(chan []byte, queueSize)}
		h.join <- c
		go c.write()
		go c.read(h)
	})
	log.Fatal(http.ListenAndServe(*addr, nil))
}
