/**
 * Idle clients in a process of their own: PORT COUNT. Each asks once and then keeps its connection. Says on stdout how
 * many were answered, and again how many are left when one is closed; ends when stdin does.
 */
import net from 'node:net';

/** dials at the same time, below the backlog of the server */
const LANES = 200;

const [port = 0, count = 0] = process.argv.slice(2).map(Number);
let begun = 0;
let answered = 0;

function open(): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    });
    socket.once('data', () => {
      answered++;
      resolve();
    });
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
    socket.resume();
  });
}

async function lane(): Promise<void> {
  while (begun < count) {
    begun++;
    await open();
  }
}

await Promise.all(Array.from({ length: LANES }, lane));
process.stdout.write(`${answered}\n`);
process.stdin.resume().on('close', () => process.exit(0));
