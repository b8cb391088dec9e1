// A network camera for the tests: serves one JPEG picture again and again over RTSP, as network cameras do.
//
//	rtsp-camera ADDRESS PICTURE    such as 127.0.0.1:8554 red.jpg; the stream is rtsp://ADDRESS/gate
//
// The picture is read anew for every frame, so that a test may replace it. The server is that of gortsplib.
package main

import (
	"errors"
	"log"
	"os"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
)

const framesPerSecond = 20

type camera struct {
	stream *gortsplib.ServerStream
}

func (c *camera) OnDescribe(*gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: rtsp-camera ADDRESS PICTURE")
	}
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func serve(address, picture string) error {
	jpeg := &format.MJPEG{}
	media := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{jpeg}}
	handler := &camera{}
	server := &gortsplib.Server{Handler: handler, RTSPAddress: address}
	if err := server.Start(); err != nil {
		return err
	}
	defer server.Close()
	handler.stream = &gortsplib.ServerStream{Server: server, Desc: &description.Session{Medias: []*description.Media{media}}}
	if err := handler.stream.Initialize(); err != nil {
		return err
	}
	defer handler.stream.Close()
	encoder, err := jpeg.CreateEncoder()
	if err != nil {
		return err
	}
	log.Print("listening")
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	ticks := time.NewTicker(time.Second / framesPerSecond)
	defer ticks.Stop()
	for frame := 0; ; frame++ {
		select {
		case err := <-ended:
			return errors.Join(errors.New("the server ended"), err)
		case <-ticks.C:
		}
		content, err := os.ReadFile(picture)
		if err != nil {
			return err
		}
		packets, err := encoder.Encode(content)
		if err != nil {
			return err
		}
		for _, packet := range packets {
			packet.Timestamp = uint32(frame * jpeg.ClockRate() / framesPerSecond)
			if err := handler.stream.WritePacketRTP(media, packet); err != nil {
				return err
			}
		}
	}
}
