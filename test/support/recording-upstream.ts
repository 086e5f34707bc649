import { scriptedUpstream, type Ends } from "./proxy-fixture.ts";
import { strictRequest, type StrictMessage } from "./strict-parser.ts";

/**
 * An upstream that reads what reaches it with the strict parser, and answers each request with the number it has among
 * all of them. What it cannot read in exactly one way is a violation.
 */
export class RecordingUpstream {
  readonly requests: StrictMessage[] = [];
  readonly violations: string[] = [];

  async listen(t: Ends): Promise<number> {
    return scriptedUpstream(t, (socket) => {
      let text = "";
      socket.on("end", () => socket.end());
      socket.on("data", (bytes: Buffer) => {
        text += bytes.toString("latin1");
        try {
          for (let request = strictRequest(text); request !== undefined; request = strictRequest(text)) {
            text = text.slice(request.length);
            socket.write(this.#answer(request), "latin1");
            if (text === "") break;
          }
        } catch (error) {
          this.violations.push(`${String(error)} in ${JSON.stringify(text.slice(0, 2_000))}`);
          socket.destroy();
        }
      });
    });
  }

  #answer(request: StrictMessage): string {
    const body = `#${this.requests.length}`;
    this.requests.push(request);
    const head = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`;
    return request.startLine.startsWith("HEAD ") ? head : head + body;
  }
}
