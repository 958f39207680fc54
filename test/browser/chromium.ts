/** Chromium for a test: one browser a test file, its pages watched for errors. */
import { type Browser, chromium, type Page } from 'playwright-core';
import { findChromium } from '../../bench/tab.ts';

const found = findChromium();
/** Why there is no browser to test with; null if there is. */
export const missing = 'missing' in found ? found.missing : null;

/** A name of this machine that browsers do not trust as they trust localhost: as another machine's over plain http. */
export const ELSEWHERE = 'coordinator.test';

export function launch(): Promise<Browser> {
  if ('missing' in found) throw new Error(found.missing);
  // Chromium's sandbox refuses to run as root, as whoever is in a container does; the pages are our own.
  return chromium.launch({
    executablePath: found.executable,
    args: ['--no-sandbox', `--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1`],
    timeout: 30_000,
  });
}

/** Collects what a page complains of: script errors, console errors, violations of its policy. */
export function complaints(page: Page): string[] {
  const heard: string[] = [];
  page.on('pageerror', (error) => heard.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') heard.push(message.text());
  });
  return heard;
}
