// BullMQ of Node.js: at least once, by a lock for each job and a check for stalled ones.
// Works a backlog off and prints what it came to: a peer for `throughput --peer`.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Queue, Worker } from 'bullmq';

const names = ['url', 'server', 'tasks', 'warm-up', 'concurrency', 'body-bytes'];
const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) });
const tasks = Number(values.tasks);
const warmUp = Math.max(1, Number(values['warm-up']));
const { hostname: host, port } = new URL(values.url);
const connection = { host, port: Number(port), maxRetriesPerRequest: null };

// The processor time in seconds; the kernel counts it a hundred times a second.
function cpu(process) {
  const stat = readFileSync(`/proc/${process}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function peakMemory(process) {
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${process}/status`, 'utf8'))[1]) * 1024;
}

// Finished jobs are removed at once, as is recommended where nobody looks at them.
const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } });
const data = { body: 'x'.repeat(Number(values['body-bytes'])) };
for (let left = tasks; left > 0; left -= 1000) {
  await queue.addBulk(Array.from({ length: Math.min(left, 1000) }, () => ({ name: 'noop', data })));
}

let handled = 0;
let begun;
const worker = new Worker(
  'bench',
  async () => {
    handled += 1;
    if (handled === warmUp) {
      begun = { at: performance.now(), own: cpu('self'), server: cpu(values.server) };
    }
    if (handled === tasks) {
      const sample = {
        operations: tasks - warmUp,
        elapsed: (performance.now() - begun.at) / 1000,
        server_cpu: cpu(values.server) - begun.server,
        own_cpu: cpu('self') - begun.own,
        server_memory: peakMemory(values.server),
        own_memory: peakMemory('self'),
      };
      process.stdout.write(`${JSON.stringify(sample)}\n`, () => process.exit(0));
    }
  },
  { connection, concurrency: Number(values.concurrency) },
);
worker.on('error', (error) => console.error(error));
setTimeout(() => process.exit(1), 60_000).unref();
