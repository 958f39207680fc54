/** What an operator's page shows of who is at work, and who holds a lease. */
import type { LivePage } from '../support/livePage.ts';

/** What was on its way when a worker was stopped has arrived after so many updates, which come four times a second. */
const SETTLED = 2;
/** It is handed a lease a step: a while after, it has one. */
const PATIENCE = 80;

/** Whether work of a worker has been accepted since it joined. */
export const showsWorkOf = ({ state }: LivePage, name: string): boolean =>
  state?.workers.some((w) => w.name === name && w.microBatches > 0) === true;

/** Resolves when a worker that has just been stopped is seen to hold a lease: it then keeps it. @throws Error if it gets none */
export async function showsLeaseOf(page: LivePage, name: string): Promise<void> {
  // It is asked of what the page shows already, too.
  let update = -1;
  let hasLease = false;
  await page.until((state) => {
    update++;
    const row = state?.workers.find((w) => w.name === name);
    hasLease = update >= SETTLED && row !== undefined && row.state !== 'idle';
    return hasLease || update >= PATIENCE;
  });
  if (!hasLease) throw new Error(`${name} was handed no lease`);
}
